import Foundation
import ModelManifests
import Rollouts
import TestSupport
import Testing

@Suite("The phase table")
struct PhaseTableTests {
    @Test("it has every phase, and every phase of a rollout has a limit", arguments: Phase.allCases)
    func limits(phase: Phase) {
        let row = PhaseTable.row(phase)
        #expect(row.phase == phase)
        #expect(!row.limit.outcome.isEmpty)
        let rests: Set<Phase> = [.idle, .healthy, .degraded, .rolledBack, .failed]
        #expect((row.limit.time == "none") == rests.contains(phase))
    }

    @Test(
        "every phase reacts to a new commit, and can lead to Healthy and to RolledBack",
        arguments: Phase.allCases)
    func leadsToRest(phase: Phase) {
        #expect(PhaseTable.row(phase).next[.newTemplate]?.isEmpty == false)
        var reached: Set<Phase> = [phase]
        for _ in Phase.allCases {
            for phase in reached { reached.formUnion(PhaseTable.row(phase).next.values.joined()) }
        }
        #expect(reached.isSuperset(of: [.healthy, .rolledBack]))
    }

    @Test("abort works in every phase of a rollout except a rollback", arguments: Phase.allCases)
    func abort(phase: Phase) {
        let inFlight: Set<Phase> = [.preparing, .progressing, .paused, .promoting, .probation]
        #expect(PhaseTable.row(phase).commands.contains(.abort) == inFlight.contains(phase))
    }

    @Test("ARCHITECTURE.md prints it")
    func printed() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let article = try String(contentsOf: root.appending(path: "ARCHITECTURE.md"), encoding: .utf8)
        #expect(article.contains(PhaseTable.markdown), "print PhaseTable.markdown into ARCHITECTURE.md")
    }
}
