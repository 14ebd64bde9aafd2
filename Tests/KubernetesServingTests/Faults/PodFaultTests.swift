import ModelManifests
import TestSupport
import Testing

@testable import KubernetesServing

@Suite("Faults: pods that do not start", .serialized, .timeLimit(.minutes(10)))
struct PodFaultTests {
    @Test(
        "a version whose pods cannot run is rolled back with the reason, and stable keeps serving",
        arguments: [
            ("bad/model:2", ["the image bad/model:2 cannot be pulled", "`runtime.image`"]),
            ("crash/model:2", ["keeps crashing"]),
        ])
    func takenBack(image: String, words: [String]) async throws {
        let cluster = try await FaultyCluster("1")
        try await cluster.run { cluster in
            try await cluster.waitUntilServing("1")
            await cluster.commit("2", image: image)
            let status = try await cluster.wait("it is rolled back") { $0.phase == .rolledBack }
            for word in words { #expect(status.message.contains(word), "\(status.message)") }
            #expect(status.quarantined.map(\.version) == ["2"])
            #expect(await cluster.readyPods("1") == 2)
            await cluster.commit("3")
            try await cluster.waitUntilServing("3")
        }
    }

    @Test("pods pending for lack of GPUs say so, and run as soon as there are some")
    func wantOfGPUs() async throws {
        var settings = APIServerModel.Settings()
        settings.gpuCount = 2
        let cluster = try await FaultyCluster("1", settings: settings)
        try await cluster.run { cluster in
            try await cluster.waitUntilServing("1")
            await cluster.commit("2")
            let status = try await cluster.waitForWords(["pending for lack of GPUs", "drainThenLoad"])
            #expect(status.stable?.ready == 2)
            #expect(status.phase == .preparing)
            await cluster.transport.update { $0.settings.gpuCount = 4 }
            try await cluster.waitUntilServing("2")
        }
    }
}
