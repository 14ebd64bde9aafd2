import Commands
import Demo
import Foundation
import TestSupport
import Testing

/// The virtual environment with MLServer.
private let mlserverEnvironment = ProcessInfo.processInfo.environment["MLCTL_TEST_VENV"]

/// A server from another project: MLServer from PyPI with a scikit-learn model, and the built-in preset.
@Suite(
    "MLServer", .serialized,
    .enabled(if: mlserverEnvironment != nil, "MLCTL_TEST_VENV is not set; 'make test-e2e' sets it up"))
struct MLServerTests {
    static let training = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "manifests/mlserver/train.py")

    private func train(_ installation: Installation, _ version: String, _ options: String...) throws -> URL {
        let folder = installation.folder.appending(path: "models/\(version)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try ChildProcess.run(
            [
                "\(mlserverEnvironment ?? "")/bin/python", Self.training.path(percentEncoded: false),
                folder.path(percentEncoded: false),
            ] + options)
        try version.write(to: folder.appending(path: "version.txt"), atomically: true, encoding: .utf8)
        return folder
    }

    private func manifest(_ version: String, _ folder: URL) -> String {
        """
        apiVersion: mlctl.dev/v1alpha1
        kind: ModelDeployment
        metadata: {name: biopsy-screen, namespace: test}
        spec:
          model: {version: "\(version)", storageUri: "\(folder.absoluteString)"}
          runtime: {name: mlserver}
          rollout:
            steps: [{setWeight: 50}, {setWeight: 100}]
            gates:
            - name: errors
              compare: {metric: errors}
        """
    }

    @Test("a second version of a scikit-learn model is evaluated and promoted under load, without a failed request")
    func promotes() async throws {
        let bin = "\(mlserverEnvironment ?? "")/bin"
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        let environment = ["PATH": "\(bin):\(Installation.builtFolder):\(path)"]
        try await withInstallation(environment: environment) { installation in
            try installation.commit(["biopsy.yaml": manifest("1", try train(installation, "1"))])
            try await installation.start()
            let first = try await installation.wait("biopsy-screen", for: "version 1 serves") { $0.phase == .healthy }
            let load = SteadyLoad(ratePerSecond: 150)
            try await withThrowingTaskGroup(of: Void.self) { group in
                let endpoint = try #require(first.endpoint)
                group.addTask {
                    try await load.run(against: endpoint, path: DemoFleet.inferPath, bodies: DemoFleet.requests)
                }
                defer { group.cancelAll() }
                try installation.commit(["biopsy.yaml": manifest("2", try train(installation, "2"))])
                try await installation.sync()
                try await installation.wait("biopsy-screen", for: "version 2 is promoted") {
                    $0.phase == .healthy && $0.stable?.version == "2"
                }
            }
            #expect(load.broken + load.errors == 0, "\(load.reasons) \(load.byRevision)")
            #expect(load.byRevision.count == 2)
        }
    }

    @Test("the README's first manifest rolls back a model with shuffled labels before any user gets its answers")
    func shuffledLabels() async throws {
        let bin = "\(mlserverEnvironment ?? "")/bin"
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        let environment = ["PATH": "\(bin):\(Installation.builtFolder):\(path)"]
        try await withInstallation(environment: environment) { installation in
            try await FirstManifest.takesOut(
                installation, version: "2", first: train(installation, "1"),
                second: train(installation, "2", "--shuffled"), runtime: "mlserver", comparing: "outputs")
        }
    }

    private static let prometheus = ["/usr/bin/prometheus", "/usr/local/bin/prometheus"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    @Test(
        "a Prometheus that scrapes MLServer decides: within bounds is promoted, out of bounds is rolled back",
        .enabled(if: prometheus != nil, "prometheus is not installed; 'make deps-prometheus' does it"))
    func prometheusDecides() async throws {
        let bin = "\(mlserverEnvironment ?? "")/bin"
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        let environment = ["PATH": "\(bin):\(Installation.builtFolder):\(path)"]
        try await withInstallation(environment: environment) { installation in
            func manifest(_ version: String, atMostSeconds: Double) throws -> String {
                let gate = """
                        - name: p95
                          threshold:
                            source: prometheus
                            query: >-
                              histogram_quantile(0.95, sum by (le) (rate(
                              rest_server_request_duration_seconds_bucket{revision="{{revision}}"}[{{window}}])))
                            max: \(atMostSeconds)
                            interval: 1s
                            window: 10s
                    """
                return try self.manifest(version, train(installation, version)) + "\n" + gate
            }
            let port = try #require(
                Int(
                    try ChildProcess.run([
                        "python3", "-c",
                        "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])",
                    ])))
            let settings = installation.folder.appending(path: "mlctl.yaml")
            try "sources: [{name: prometheus, kind: prometheus, url: 'http://127.0.0.1:\(port)'}]\n"
                .write(to: settings, atomically: true, encoding: .utf8)
            try installation.commit(["biopsy.yaml": try manifest("1", atMostSeconds: 10)])
            try await installation.start(["--config", settings.path(percentEncoded: false)])
            let prometheus = try startPrometheus(port, installation)
            defer { prometheus.stop() }
            let first = try await installation.wait("biopsy-screen", for: "version 1 serves") { $0.phase == .healthy }
            let endpoint = try #require(first.endpoint)
            let load = SteadyLoad(ratePerSecond: 150)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await load.run(against: endpoint, path: DemoFleet.inferPath, bodies: DemoFleet.requests)
                }
                defer { group.cancelAll() }
                try installation.commit(["biopsy.yaml": try manifest("2", atMostSeconds: 10)])
                try await installation.sync()
                try await installation.wait("biopsy-screen", for: "version 2 is promoted") {
                    $0.phase == .healthy && $0.stable?.version == "2"
                }
                try installation.commit(["biopsy.yaml": try manifest("3", atMostSeconds: 0.000_001)])
                try await installation.sync()
                let end = try await installation.wait("biopsy-screen", for: "version 3 is rolled back") {
                    $0.phase == .rolledBack
                }
                #expect(end.stable?.version == "2")
                #expect(end.message.contains("p95"), "\(end.message)")
            }
            #expect(load.broken + load.errors == 0, "\(load.reasons)")
        }
    }

    private func startPrometheus(_ port: Int, _ installation: Installation) throws -> ChildProcess {
        let configuration = installation.folder.appending(path: "prometheus.yml")
        try """
        global: {scrape_interval: 1s, scrape_timeout: 1s}
        scrape_configs:
        - job_name: models
          http_sd_configs:
          - url: '\(installation.api?.absoluteString ?? "")/api/v1/targets'
            refresh_interval: 1s
            # Some versions leave the scheme out where it is not named.
            authorization:
              type: Bearer
              credentials_file: '\(installation.state.appending(path: "token").path(percentEncoded: false))'
        """.write(to: configuration, atomically: true, encoding: .utf8)
        let log = installation.folder.appending(path: "prometheus.log").path(percentEncoded: false)
        return try ChildProcess(
            [
                Self.prometheus ?? "prometheus", "--config.file=\(configuration.path(percentEncoded: false))",
                "--storage.tsdb.path=\(installation.folder.appending(path: "tsdb").path(percentEncoded: false))",
                "--web.listen-address=127.0.0.1:\(port)",
            ], output: .files(output: log, errors: log))
    }
}
