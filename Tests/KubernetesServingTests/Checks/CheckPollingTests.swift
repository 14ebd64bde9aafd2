import KubernetesClient
import Testing

@testable import KubernetesServing

@Suite("The time limits of a check")
struct CheckPollingTests {
    private static let limit = Duration.seconds(300)

    /// Looks every ten seconds and sees the same, until it ends.
    private func ends(
        _ sight: CheckPolling.Sight, after before: [(CheckPolling.Sight, seconds: Int)] = []
    ) -> (step: CheckPolling.Step, atSeconds: Int) {
        var vigil = CheckPolling(limit: Self.limit, now: .zero)
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

    private func words(_ step: CheckPolling.Step) -> String {
        if case .undecided(let words, _) = step { words } else { "\(step)" }
    }

    @Test("an exit code ends it at once")
    func exits() {
        #expect(ends(.word(.exited(3, pod: "p"))) == (.exited(3, pod: "p"), 0))
    }

    @Test("the gate's time begins when the check runs, and its output is read")
    func runs() {
        let (step, seconds) = ends(
            .word(.running(pod: "p")), after: [(.word(.starting(nil)), 0), (.word(.starting(nil)), 500)])
        #expect(seconds == 800)
        #expect(words(step).contains("did not end within 5m"))
        if case .undecided(_, let pod) = step { #expect(pod == "p") }
    }

    @Test("it waits longer for problems that may pass by themselves than for others")
    func starts() {
        let mayPass = CheckObservation.Trouble(text: "no node", mayPass: true)
        let stays = CheckObservation.Trouble(text: "no image", mayPass: false)
        let (slow, later) = ends(.word(.starting(mayPass)))
        #expect(later == 600 && words(slow).contains("has not started within 10m: no node"))
        let (quick, sooner) = ends(.word(.starting(stays)))
        #expect(sooner == 60 && words(quick) == "no image")
        // A successful pull in between starts the time again.
        let (_, seconds) = ends(
            .word(.starting(stays)), after: [(.word(.starting(stays)), 0), (.word(.starting(nil)), 50)])
        #expect(seconds == 110)
    }

    @Test("an unreachable server is neither a pass nor a failure, and a short outage does not matter")
    func away() {
        let (step, seconds) = ends(.away("reset"))
        #expect(seconds == 600)
        #expect(words(step) == "the API server could not be asked for the result: reset")
        let (after, at) = ends(.word(.exited(0, pod: "p")), after: [(.away("reset"), 0), (.away("reset"), 590)])
        #expect(after == .exited(0, pod: "p") && at == 590)
        // A short return starts the time of the outage again.
        let (_, late) = ends(.away("reset"), after: [(.away("reset"), 0), (.word(.starting(nil)), 500)])
        #expect(late == 1100)
    }

    @Test("a refusal is retried for a minute, and then reported")
    func refused() {
        let (step, seconds) = ends(.refused("cannot get jobs"))
        #expect(seconds == 60 && words(step) == "cannot get jobs")
    }

    @Test("it looks often at first, then less often, and at the limit")
    func looks() {
        var vigil = CheckPolling(limit: .seconds(62), now: .zero)
        #expect(vigil.step(.word(.starting(nil)), now: .zero) == .lookAgain(after: .seconds(1)))
        #expect(vigil.step(.word(.starting(nil)), now: .seconds(100)) == .lookAgain(after: .seconds(5)))
        #expect(vigil.step(.word(.running(pod: "p")), now: .seconds(101)) == .lookAgain(after: .seconds(1)))
        #expect(vigil.step(.word(.running(pod: "p")), now: .seconds(160)) == .lookAgain(after: .seconds(3)))
    }
}
