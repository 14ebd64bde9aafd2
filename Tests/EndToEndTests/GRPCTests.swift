import ControlPorts
import Demo
import Foundation
import TestSupport
import Testing

/// gRPC from a manifest to a client of another project.
@Suite("gRPC", .serialized, .enabled(if: GRPCPython.isAvailable, "\(GRPCPython.absence)"))
struct GRPCTests {
    private func manifest(_ installation: Installation, _ version: String, python: String) -> String {
        """
        apiVersion: mlctl.dev/v1alpha1
        kind: ModelDeployment
        metadata: {name: caller, namespace: test}
        spec:
          model: {version: "\(version)"}
          runtime:
            command: ["\(python)", "\(GRPCPython.serverPath)"]
            ports: [{name: grpc, protocol: h2c}]
            probes:
              readiness: {tcpSocket: {port: grpc}, periodSeconds: 1}
            terminationGracePeriod: 2s
          rollout:
            steps: [{setWeight: 50}, {setWeight: 100}]
            gates:
            - name: errors
              compare: {metric: errors}
        """
    }

    private static let mlserver = ProcessInfo.processInfo.environment["MLCTL_TEST_VENV"]

    @Test(
        "MLServer answers the Open Inference Protocol by gRPC and by HTTP at one endpoint",
        .enabled(if: mlserver != nil, "MLCTL_TEST_VENV is not set; 'make test-e2e' sets it up"))
    func openInference() async throws {
        struct Inferred: Decodable { var status: String, model: String, outputs: Int, revision: String? }
        let bin = "\(Self.mlserver ?? "")/bin"
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        let environment = ["PATH": "\(bin):\(Installation.builtFolder):\(path)"]
        try await withInstallation(environment: environment) { installation in
            let folder = installation.folder.appending(path: "models/1")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try ChildProcess.run([
                "\(bin)/python", MLServerTests.training.path(percentEncoded: false), folder.path(percentEncoded: false),
            ])
            let manifest = """
                apiVersion: mlctl.dev/v1alpha1
                kind: ModelDeployment
                metadata: {name: biopsy-screen, namespace: test}
                spec:
                  model: {version: "1", storageUri: "\(folder.absoluteString)"}
                  runtime: {name: mlserver, ports: [{name: http}, {name: grpc, protocol: h2c}, {name: metrics}]}
                """
            try installation.commit(["m.yaml": manifest])
            try await installation.start()
            let first = try await installation.wait("biopsy-screen", for: "version 1 serves") { $0.phase == .healthy }
            let endpoint = try #require(first.endpoint)
            let answer = try await GRPCPython.call(
                String(endpoint.dropFirst("http://".count)), "infer", "biopsy-screen", python: "\(bin)/python",
                as: Inferred.self)
            #expect(answer.status == "OK" && answer.model == "biopsy-screen" && answer.outputs == 1)
            #expect(answer.revision == first.stable.map { "\($0.revision)" })
            let plain = try ChildProcess.run(["curl", "--silent", "--fail", "\(endpoint)/v2/models/biopsy-screen"])
            #expect(plain.contains("biopsy-screen"))
        }
    }

    @Test(
        "a candidate that answers UNAVAILABLE is rolled back by its errors, and the next one is promoted without a failed call"
    )
    func rollout() async throws {
        let python = try #require(GRPCPython.executable)
        try await withInstallation { installation in
            try installation.commit(["m.yaml": manifest(installation, "v1", python: python)])
            try await installation.start()
            let first = try await installation.wait("caller", for: "version 1 serves") { $0.phase == .healthy }
            let place = try #require(first.endpoint.map { String($0.dropFirst("http://".count)) })
            let client = try GRPCPython.client(place, "load", "120")
            defer { client.stop() }
            try installation.commit(["m.yaml": manifest(installation, "unavailable-2", python: python)])
            try await installation.sync()
            let back = try await installation.wait("caller", for: "version 2 is rolled back") {
                $0.phase == .rolledBack
            }
            #expect(back.stable?.version == "v1" && back.quarantined.map(\.version) == ["unavailable-2"])
            try installation.commit(["m.yaml": manifest(installation, "v3", python: python)])
            try await installation.sync()
            let next = try await installation.wait("caller", for: "version 3 is promoted") {
                $0.phase == .healthy && $0.stable?.version == "v3"
            }
            client.terminate()
            let line = try client.readLine() ?? ""
            let totals = try JSONDecoder().decode([String: Int].self, from: Data(line.utf8))
            let failed = totals.filter { !$0.key.hasSuffix(" OK") }
            let bad = back.quarantined.first.map { "\($0.revision)" } ?? "?"
            #expect(failed.keys.allSatisfy { $0 == "\(bad) UNAVAILABLE" }, "\(totals)")
            let good = next.stable.map { "\($0.revision)" } ?? "?"
            #expect((totals["\(good) OK"] ?? 0) > 0, "\(totals)")
        }
    }
}
