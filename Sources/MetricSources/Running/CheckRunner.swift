import Analysis
import Foundation
import ModelManifests
import Rollouts
import SecretFiles
import Synchronization

/// Runs checks. Each is a command without a shell, in the candidate's model folder, or else in an empty folder that is deleted
/// afterwards.
///
/// # Guarantees
/// - Ends within the gate's time limit plus twice `SessionCommand.defaultGrace` at most, with everything in the command's own
///   process group. It also ends if this process ends, for whatever reason.
/// - Its output takes at most a file of 4 MiB (the newest 50 files are kept) and 128 KiB of memory.
/// - If there is no exit code, the outcome is undecided and says what to do.
package struct CheckRunner: Sendable {
    private let outputFolder: String
    private let secrets: @Sendable (DeploymentKey) -> SecretFolder
    private let inherited: [String: String]
    private let grace: Duration

    /// - Parameters:
    ///   - outputFolder: the folder for output files. Nothing else may use it.
    ///   - environment: the controller's; only PATH, HOME, LANG and TMPDIR are passed on.
    ///   - secrets: the secrets that a deployment's checks may use.
    package init(
        outputFolder: String, environment: [String: String] = ProcessInfo.processInfo.environment,
        secrets: @escaping @Sendable (DeploymentKey) -> SecretFolder
    ) {
        self.init(
            outputFolder: outputFolder, environment: environment, grace: SessionCommand.defaultGrace, secrets: secrets)
    }

    init(
        outputFolder: String, environment: [String: String], grace: Duration,
        secrets: @escaping @Sendable (DeploymentKey) -> SecretFolder
    ) {
        self.outputFolder = outputFolder
        self.secrets = secrets
        inherited = environment
        self.grace = grace
    }

    package func run(_ inquiry: Inquiry, _ gate: CheckGate) async -> CheckOutcome {
        guard let folder = inquiry.candidate.instances.lazy.compactMap(\.modelFolder).first else {
            return await runInEmptyFolder(inquiry, gate)
        }
        return await run(inquiry, gate, in: folder)
    }

    private func runInEmptyFolder(_ inquiry: Inquiry, _ gate: CheckGate) async -> CheckOutcome {
        let folder = FileManager.default.temporaryDirectory.appending(path: "mlctl-check-\(UUID().uuidString)")
        do {
            try FileManager.default.createDirectory(
                at: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        } catch {
            return CheckOutcome(end: .undecided("the working folder \(folder.path) cannot be created: free disk space"))
        }
        defer { try? FileManager.default.removeItem(at: folder) }
        return await run(inquiry, gate, in: folder.path)
    }

    private func run(_ inquiry: Inquiry, _ gate: CheckGate, in folder: String) async -> CheckOutcome {
        let environment: CheckEnvironment
        let secrets = secrets(inquiry.deployment)
        do throws(SecretFolder.Missing) {
            environment = try CheckEnvironment(
                gate, for: inquiry, inherited: inherited, workingFolder: folder,
                secret: { name throws(SecretFolder.Missing) in try secrets.value(of: name) })
        } catch {
            return CheckOutcome(end: .undecided(error.message))
        }
        let command = SessionCommand(
            words: gate.command.map(environment.expand), environment: environment.variables, folder: folder,
            timeout: gate.timeout, grace: grace)
        let name =
            "\(inquiry.deployment.namespace).\(inquiry.deployment.name).\(inquiry.candidate.revision).\(inquiry.id)"
        let recording = Mutex(
            CheckRecording(file: OutputFile(folder: outputFolder, name: name), redactor: environment.redactor))
        let end = await command.run { stream, bytes in recording.withLock { $0.take(bytes, from: stream) } }
        return recording.withLock { recording in
            recording.finish()
            return CheckOutcome(
                end: end.ofCheck(timeout: gate.timeout), metrics: recording.metrics(wanted: Set(gate.metrics.keys)),
                outputTail: recording.tailText, outputFile: recording.path)
        }
    }
}

extension SessionCommand.End {
    fileprivate func ofCheck(timeout: Duration) -> CheckOutcome.End {
        switch self {
        case .exited(let code): .exited(code)
        case .signalled(let signal) where signal == Int(SIGKILL):
            .undecided("it was killed (SIGKILL), possibly because memory ran out: give it more memory or less work")
        case .signalled(let signal): .undecided("it was ended by signal \(signal)")
        case .timedOut:
            .undecided("it did not end within \(timeout.goText) and was ended: raise `timeout`, or give it less work")
        case .cancelled: .undecided("it was ended because the controller stopped")
        case .failed(let why): .undecided(why)
        }
    }
}
