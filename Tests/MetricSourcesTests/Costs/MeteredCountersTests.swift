import ControlPorts
import MetricSources
import ModelManifests
import Serving
import TestSupport
import Testing

@Suite("Counters with the costs of instances")
struct MeteredCountersTests {
    private struct Counters: MetricSource {
        var readings: [Reading]
        func readings(for deployment: DeploymentKey) async throws -> [Reading] { readings }
    }

    private struct Away: MetricSource {
        struct Failure: Error {}
        func readings(for deployment: DeploymentKey) async throws -> [Reading] { throw Failure() }
    }

    private let key = DeploymentKey(namespace: "ml", name: "model")
    private let reading = Reading(
        instance: "i-0", revision: Revision(rawValue: "aaaaaaaaaa"), epoch: "e", counters: RequestCounters(requests: 9))

    @Test("the counters stay as they are, and each measured instance has one more reading")
    func beside() async throws {
        let cost = ProcessCost(
            instance: "i-0", revision: reading.revision, server: "1-2", isReady: true, cpuSeconds: 3, memoryBytes: 4096)
        let source = MeteredCounters(Counters(readings: [reading]), epoch: "m", clock: ManualClock()) {
            $0 == key ? [cost] : []
        }
        let readings = try await source.readings(for: key)
        #expect(readings.first == reading)
        #expect(readings.dropFirst().map(\.instance) == ["cost-i-0"])
        #expect(readings.last?.cost?.memoryBytes == 4096)
        #expect(try await source.readings(for: DeploymentKey(namespace: "ml", name: "other")) == [reading])
    }

    @Test("counters that cannot be read are an error, measured or not")
    func away() async {
        let source = MeteredCounters(Away(), epoch: "m", clock: ManualClock()) { _ in [] }
        await #expect(throws: Away.Failure.self) { try await source.readings(for: key) }
    }
}
