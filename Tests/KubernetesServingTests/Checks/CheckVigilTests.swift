import KubernetesClient
import Testing

@testable import KubernetesServing

@Suite("How long a check is waited for")
struct CheckVigilTests {
    private static let limit = Duration.seconds(300)

    /// Looks each ten seconds, and sees the same, until it ends.
    private func ends(
        _ sight: CheckVigil.Sight, after before: [(CheckVigil.Sight, seconds: Int)] = []
    ) -> (step: CheckVigil.Step, atSeconds: Int) {
        var vigil = CheckVigil(limit: Self.limit, now: .zero)
        for (earlier, seconds) in before {
            guard case .lookAgain = vigil.step(earlier, now: .seconds(seconds)) else {
                return (.exited(-1, pod: ""), seconds)
            }
        }
        for seconds in stride(from: before.last?.seconds ?? 0, to: 10_000, by: 10) {
            let step = vigil.step(sight, now: .seconds(seconds))
            if case .lookAgain = step { continue }
            return (step, seconds)
        }
        return (.lookAgain(after: .zero), 10_000)
    }

    private func words(_ step: CheckVigil.Step) -> String {
        if case .undecided(let words, _) = step { words } else { "\(step)" }
    }

    @Test("an exit code ends it at once")
    func exits() {
        #expect(ends(.word(.exited(3, pod: "p"))) == (.exited(3, pod: "p"), 0))
    }

    @Test("the gate's time begins when the check runs, and what it printed is read")
    func runs() {
        let (step, seconds) = ends(
            .word(.running(pod: "p")), after: [(.word(.starting(nil)), 0), (.word(.starting(nil)), 500)])
        #expect(seconds == 800)
        #expect(words(step).contains("did not end within 5m"))
        if case .undecided(_, let pod) = step { #expect(pod == "p") }
    }

    @Test("what may come about is waited for, what does not pass by itself is not waited for as long")
    func starts() {
        let mayPass = CheckReading.Trouble(text: "no node", mayPass: true)
        let stays = CheckReading.Trouble(text: "no image", mayPass: false)
        let (slow, later) = ends(.word(.starting(mayPass)))
        #expect(later == 600 && words(slow).contains("has not started within 10m: no node"))
        let (quick, sooner) = ends(.word(.starting(stays)))
        #expect(sooner == 60 && words(quick) == "no image")
        // A pull that succeeds in between begins anew.
        let (_, seconds) = ends(
            .word(.starting(stays)), after: [(.word(.starting(stays)), 0), (.word(.starting(nil)), 50)])
        #expect(seconds == 110)
    }

    @Test("a server that is away is neither a pass nor a failure, however long, and a gap is none")
    func away() {
        let (step, seconds) = ends(.away("reset"))
        #expect(seconds == 600)
        #expect(words(step) == "the API server could not be asked how it went: reset")
        let (after, at) = ends(.word(.exited(0, pod: "p")), after: [(.away("reset"), 0), (.away("reset"), 590)])
        #expect(after == .exited(0, pod: "p") && at == 590)
        // Back for a moment: the absence begins anew.
        let (_, late) = ends(.away("reset"), after: [(.away("reset"), 0), (.word(.starting(nil)), 500)])
        #expect(late == 1100)
    }

    @Test("a server that does not tell is asked for a minute, and then its words are told")
    func refused() {
        let (step, seconds) = ends(.refused("cannot get jobs"))
        #expect(seconds == 60 && words(step) == "cannot get jobs")
    }

    @Test("it is looked at often at first, then seldom, and at its limit")
    func looks() {
        var vigil = CheckVigil(limit: .seconds(62), now: .zero)
        #expect(vigil.step(.word(.starting(nil)), now: .zero) == .lookAgain(after: .seconds(1)))
        #expect(vigil.step(.word(.starting(nil)), now: .seconds(100)) == .lookAgain(after: .seconds(5)))
        #expect(vigil.step(.word(.running(pod: "p")), now: .seconds(101)) == .lookAgain(after: .seconds(1)))
        #expect(vigil.step(.word(.running(pod: "p")), now: .seconds(160)) == .lookAgain(after: .seconds(3)))
    }
}
