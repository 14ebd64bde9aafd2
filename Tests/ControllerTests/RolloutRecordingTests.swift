import Analysis
import ControlPorts
import Foundation
import Logging
import ModelManifests
import Rollouts
import TestSupport
import Testing

@testable import Controller

@Suite("A recording of a rollout's readings")
struct RolloutRecordingTests {
    private let start = Date(timeIntervalSince1970: 1_000)
    private let identity = RecordedRollout.Identity(
        deployment: DeploymentKey(name: "model"), revision: Revision(rawValue: "bbbbbbbbbb"), version: "2",
        startedAt: Date(timeIntervalSince1970: 1_000))

    private func interval(_ t: Double, _ requests: Int, source: String = "proxy") -> Interval {
        Interval(
            at: start.addingTimeInterval(t), source: source, stable: SideCounts(requests: requests * 3),
            candidate: SideCounts(requests: requests, errors: 1))
    }

    @Test("stores running sums at each look, and is written at most once a second")
    func spacing() {
        var recording = RolloutRecording(identity)
        let writes = (1...10).map { recording.absorb([interval(Double($0) * 0.5, 10)], isDecisive: false) }
        #expect(writes.map(\.count) == [1, 0, 2, 0, 2, 0, 2, 0, 2, 0])
        let kept = writes.flatMap(\.self)
        #expect(kept.map(\.t) == (1...9).map { Double($0) * 0.5 })
        #expect(kept.map(\.candidate.requests) == (1...9).map { $0 * 10 })
        #expect(kept.last?.stable.requests == 270 && kept.last?.candidate.errors == 9)
    }

    @Test("is written at once at a verdict, with all evidence of the verdict")
    func decisive() {
        var recording = RolloutRecording(identity)
        _ = recording.absorb([interval(1, 10)], isDecisive: false)
        #expect(recording.absorb([interval(1.5, 10)], isDecisive: false).isEmpty)
        let kept = recording.absorb([interval(1.6, 10)], isDecisive: true)
        #expect(kept.map(\.candidate.requests) == [20, 30])
    }

    @Test("stores readings less often as the rollout grows older")
    func thinning() {
        var recording = RolloutRecording(identity)
        _ = recording.absorb([interval(10_000, 1)], isDecisive: true)
        let kept = (1...100).flatMap { recording.absorb([interval(10_000 + Double($0) * 0.5, 1)], isDecisive: false) }
        #expect(kept.count == 4)
        #expect(kept.last?.candidate.requests ?? 0 > 80)
    }

    @Test("stores nothing while nothing changes")
    func quiet() {
        var recording = RolloutRecording(identity)
        let nothing = Interval(at: start.addingTimeInterval(5), stable: SideCounts(), candidate: SideCounts())
        #expect(recording.absorb([nothing], isDecisive: true).isEmpty)
    }

    @Test("has separate sums for each source")
    func sources() {
        var recording = RolloutRecording(identity)
        let kept = recording.absorb([interval(1, 10), interval(1, 4, source: "outcomes")], isDecisive: false)
        #expect(kept.map(\.source) == ["outcomes", "proxy"])
        #expect(kept.map(\.candidate.requests) == [4, 10])
        let next = recording.absorb([interval(3, 10)], isDecisive: false)
        #expect(next.map(\.source) == ["proxy"])
    }

    @Test("continues after a restart where it was")
    func restart() {
        var before = RolloutRecording(identity)
        let kept = before.absorb([interval(1, 10)], isDecisive: false)
        var after = RolloutRecording(identity, resumingAt: kept)
        #expect(after.absorb([interval(1.5, 10)], isDecisive: false).isEmpty)
        #expect(after.absorb([interval(2, 10)], isDecisive: false).map(\.candidate.requests) == [20, 30])
    }

    @Test("of a year at two looks a second has fewer readings than the limit")
    func year() {
        // Sums over the spacings instead of sixty million looks: every look at first, later one per thousandth of the age.
        let seconds = 365.0 * 86_400
        let lookSeconds = 0.5
        let dense = lookSeconds / RolloutRecording.spacingShare
        let count = dense / lookSeconds + Foundation.log(seconds / dense) / RolloutRecording.spacingShare
        #expect(count < Double(RecordedRollout.readingLimit))
    }

    @Test("is written by the recorder, and starts again with another rollout")
    func recorder() async throws {
        let store = InMemoryReadingStore()
        let recorder = ReadingRecorder(store: store, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        var world = World.serving("good-1")
        world.commit(.example("good-2", rollout: .twoSteps))
        world.run(limit: 40) { $0.phase == .progressing }
        let rollout = try #require(world.state?.rollout)
        let began = rollout.judgement.startedAt
        func at(_ t: Double) -> Interval {
            Interval(
                at: began.addingTimeInterval(t), stable: SideCounts(requests: 3), candidate: SideCounts(requests: 1))
        }
        let key = DeploymentKey(namespace: "test", name: "model")
        await recorder.record([at(1)], about: rollout, of: key, events: [], isOver: false)
        await recorder.record([at(1.2)], about: rollout, of: key, events: [], isOver: false)
        await recorder.record([at(1.4)], about: rollout, of: key, events: [], isOver: true)
        // Another process, which knows only the stored readings.
        let next = ReadingRecorder(store: store, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        await next.record([at(9)], about: rollout, of: key, events: [], isOver: false)
        let kept = await store.rollouts(of: key)
        #expect(kept.map(\.identity.revision) == [rollout.candidate.revision])
        let number = try #require(kept.first?.number)
        let readings = await store.readings(of: number, in: key, after: 0, limit: 10)
        #expect(readings.map(\.candidate.requests) == [1, 2, 3, 4])
    }
}
