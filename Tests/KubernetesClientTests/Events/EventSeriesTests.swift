import Foundation
import Logging
import TestSupport
import Testing

@testable import KubernetesClient

@Suite("Events about objects", .timeLimit(.minutes(10)))
struct EventSeriesTests {
    static func event(_ note: String) -> KubernetesEvent {
        KubernetesEvent(
            regarding: .init(.modelDeployments, ObjectMetadata(name: "fraud", namespace: "a", uid: "u")),
            kind: .warning, reason: "GateFailed", action: "RollBack", note: note)
    }

    static let begin = Date(timeIntervalSince1970: 1_800_000_000)
    static func at(_ seconds: Double) -> Date { begin.addingTimeInterval(seconds) }

    @Test("a repeated event is counted on the first one, at most once a minute; a different event is a new object")
    func counting() {
        var series = EventSeries()
        let one = Self.event("one")
        #expect(series.record(one, at: Self.at(0), name: "n1") == .create(one, name: "n1"))
        #expect(
            series.record(one, at: Self.at(1), name: "n2")
                == .count(one, name: "n1", count: 2, at: Self.at(1)))
        #expect(series.record(one, at: Self.at(2), name: "n3") == nil)
        let other = Self.event("other")
        #expect(series.record(other, at: Self.at(3), name: "n4") == .create(other, name: "n4"))
        #expect(
            series.record(one, at: Self.at(61), name: "n5")
                == .count(one, name: "n1", count: 4, at: Self.at(61)))
    }

    @Test("after a pause it is a new event, and the earlier count is written")
    func pause() {
        var series = EventSeries()
        let one = Self.event("one")
        for second in 0..<4 { _ = series.record(one, at: Self.at(Double(second)), name: "n1") }
        #expect(series.due(at: Self.at(30)) == [])
        #expect(series.due(at: Self.at(400)) == [.count(one, name: "n1", count: 4, at: Self.at(3))])
        #expect(series.count == 0)
        #expect(series.record(one, at: Self.at(401), name: "n9") == .create(one, name: "n9"))
    }

    @Test("the number of remembered series is bounded")
    func bound() {
        var series = EventSeries()
        for number in 0..<(EventSeries.maximumSeries + 10) {
            _ = series.record(Self.event("\(number)"), at: Self.at(Double(number) / 100), name: "n\(number)")
        }
        #expect(series.count == EventSeries.maximumSeries)
    }

    @Test("texts are cut to what the API accepts")
    func cutting() {
        let event = Self.event(String(repeating: "ü", count: 2000))
        #expect(event.note.utf8.count <= 1024)
        #expect(event.note.hasSuffix("…"))
    }

    @Test("a recorded event is written in the background, with the fields that the API requires")
    func recording() async throws {
        let answer = #"{"metadata":{"name":"e"}}"#
        let script = ScriptedTransport([.object(answer, code: 201), .object(answer)])
        let recorder = EventRecorder(
            KubernetesAPI(transport: script), controller: "mlctl.dev/controller", instance: "pod-1")
        recorder.record(Self.event("one"))
        recorder.record(Self.event("one"))
        let run = Task { await recorder.run() }
        try await eventually { script.requests.count == 2 }
        run.cancel()
        let creation = try #require(script.requests.first)
        #expect(creation.path == "/apis/events.k8s.io/v1/namespaces/a/events")
        let body = try JSONSerialization.jsonObject(with: creation.body ?? Data()) as? [String: Any]
        #expect(body?["reportingController"] as? String == "mlctl.dev/controller")
        #expect(body?["type"] as? String == "Warning")
        #expect((body?["regarding"] as? [String: Any])?["uid"] as? String == "u")
        let patch = script.requests[1]
        #expect(patch.contentType == "application/merge-patch+json")
        #expect(patch.path.hasPrefix("/apis/events.k8s.io/v1/namespaces/a/events/fraud."))
    }

    @Test("recording never waits: events over the bound are dropped and counted")
    func overflow() {
        let recorder = EventRecorder(
            KubernetesAPI(transport: ScriptedTransport([])), controller: "c", instance: "i")
        for number in 0..<(EventRecorder.maximumWaiting + 5) { recorder.record(Self.event("\(number)")) }
        #expect(recorder.waitingCount == EventRecorder.maximumWaiting)
        #expect(recorder.droppedCount == 5)
    }
}
