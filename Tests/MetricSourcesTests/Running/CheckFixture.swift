import Analysis
import Foundation
import ModelManifests
import Rollouts
import SecretFiles
import Serving

@testable import MetricSources

/// A model folder with scripts, a folder of secrets and one for outputs; all are removed with the fixture.
final class CheckFixture: Sendable {
    let folder: URL
    var model: String { folder.appending(path: "model").path }
    var outputs: String { folder.appending(path: "outputs").path }
    var secrets: String { folder.appending(path: "secrets").path }

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "check-\(UUID().uuidString)")
        for name in ["model", "secrets"] {
            try FileManager.default.createDirectory(
                at: folder.appending(path: name), withIntermediateDirectories: true)
        }
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func write(_ text: String, to path: String, isExecutable: Bool = false) throws {
        let file = folder.appending(path: path)
        try Data(text.utf8).write(to: file)
        try FileManager.default.setAttributes(
            [.posixPermissions: isExecutable ? 0o755 : 0o600], ofItemAtPath: file.path)
    }

    func read(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    /// - Parameter environment: the controller's variables in addition to PATH.
    func runner(environment: [String: String] = [:]) -> CheckRunner {
        CheckRunner(
            outputFolder: outputs,
            environment: ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"]
                .merging(environment) { $1 },
            grace: .milliseconds(300), secrets: { [secrets] _ in SecretFolder(path: secrets) })
    }

    /// Runs a shell script as the check. Dollar signs belong to the shell.
    func run(_ script: String, timeout: Duration = .seconds(60), metrics: [String: CheckGate.Bounds] = [:]) async
        -> CheckOutcome
    {
        let gate = CheckGate(
            command: ["/bin/sh", "-c", script.replacing("$", with: "$$")], timeout: timeout, metrics: metrics)
        return await runner().run(Self.inquiry(modelFolder: model), gate)
    }

    static func inquiry(
        id: String = "golden-set/1", modelFolder: String? = nil, candidate: String? = "127.0.0.1:20001",
        stable: String? = "127.0.0.1:20000", endpoint: String? = "http://127.0.0.1:9000"
    ) -> Inquiry {
        func side(_ revision: String, _ version: String, _ address: String?, _ folder: String?) -> Inquiry.Side {
            let revision = Revision(rawValue: revision)
            return Inquiry.Side(
                revision: revision, version: version,
                instances: [
                    InstanceObservation(
                        id: "\(revision)-1", revision: revision, condition: .ready,
                        addresses: address.map { ["": $0] } ?? [:], modelFolder: folder)
                ])
        }
        return Inquiry(
            id: id, deployment: DeploymentKey(namespace: "payments", name: "fraud"),
            question: .check(CheckGate(command: ["unused"])),
            stable: stable.map { side("aaaaaaaaaa", "1", $0, "/models/1") },
            candidate: side("bbbbbbbbbb", "2", candidate, modelFolder), endpoint: endpoint)
    }
}

/// Whether a process still runs: one that has ended may wait for its parent to reap it.
func isRunning(_ pid: String) -> Bool {
    guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
        let end = stat.lastIndex(of: ")")
    else { return false }
    return !["Z", "X"].contains(stat[end...].split(separator: " ").dropFirst().first ?? "X")
}

/// Waits, at most ten seconds, until no process of `pids` runs any more.
func haveEnded(_ pids: [String]) async throws -> Bool {
    for _ in 0..<1_000 {
        if !pids.contains(where: isRunning) { return true }
        try await Task.sleep(for: .milliseconds(10))
    }
    return false
}
