import ModelManifests
import Serving
import Testing

@testable import TrafficProxy

@Suite struct RouteTallyTests {
    @Test("revisions that missed requests are remembered up to a limit, and those in the routes always")
    func bounded() {
        let tally = RouteTally()
        for turn in 1...5 {
            let counter = tally.follow(Revision(rawValue: "r\(turn)"), turn: turn)
            if turn != 2 { for _ in 0..<turn { counter.note(at: 0) } }
            tally.tidy(turn: turn, revisionsMax: 3)
        }
        let deployment = DeploymentKey(name: "d")
        #expect(tally.report(deployment).map(\.requests).sorted() == [3, 4, 5])
        // Requests missed at the same time are one clump.
        #expect(tally.report(deployment).compactMap(\.together).sorted() == [9, 16, 25])
        #expect(tally.follow(Revision(rawValue: "r5"), turn: 6).requests == 5)
        tally.tidy(turn: 6, revisionsMax: 0)
        #expect(tally.all(deployment).map(\.revision.rawValue) == ["r5"])
    }
}
