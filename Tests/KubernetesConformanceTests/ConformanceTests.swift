import Foundation
import KubernetesClient
import ModelManifests
import TestSupport
import Testing

/// Runs the same cases against the model and, if `MLCTL_TEST_KUBECONFIG` names a cluster, against a real API server.
@Suite("Conformance of the API server's model", .timeLimit(.minutes(10)))
struct ConformanceTests {
    @Test("the model keeps the promise", arguments: ConformanceCase.all)
    func model(_ promise: ConformanceCase) async throws {
        try await Self.run(promise, on: .model)
    }

    @Test("the model over HTTP, through the real transport, keeps the promise", arguments: ConformanceCase.all)
    func modelOverHTTP(_ promise: ConformanceCase) async throws {
        try await Self.run(promise, on: .modelOverHTTP)
    }

    @Test(
        "a real API server keeps the promise", .enabled(if: Cluster.kubeconfig != nil, "no MLCTL_TEST_KUBECONFIG"),
        arguments: ConformanceCase.all)
    func real(_ promise: ConformanceCase) async throws {
        try await Self.run(promise, on: .real)
    }

    @Test("the report says which of the two ran")
    func report() {
        let count = ConformanceCase.all.count
        let real =
            Cluster.kubeconfig == nil
            ? "a real API server: not run (no MLCTL_TEST_KUBECONFIG)" : "a real API server: run"
        print("Conformance, \(count) cases: the model: run; the model over HTTP: run; \(real)")
        let names = Set(ConformanceCase.all.map(\.name))
        #expect(names.count == count, "each case has a name of its own")
    }

    private static func run(_ promise: ConformanceCase, on kind: Cluster.Kind) async throws {
        try await Cluster.with(kind) { cluster in
            let number = ConformanceCase.all.firstIndex { $0.name == promise.name } ?? 0
            let trial = Trial(
                cluster: cluster, namespace: "conformance-\(ProcessInfo.processInfo.processIdentifier)-\(number)")
            let made = try await trial.create(.namespaces, trial.namespace)
            #expect(made.code == 201, "\(made.text)")
            do {
                try await promise.run(trial)
            } catch {
                _ = try? await trial.delete(.namespaces, trial.namespace)
                throw error
            }
            _ = try await trial.delete(.namespaces, trial.namespace)
        }
    }
}
