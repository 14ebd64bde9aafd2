import Analysis
import Foundation
import ModelManifests
import Rollouts
import SecretFiles
import Synchronization

/// Runs checks: a command each, without a shell, in the candidate's model folder, or else in an empty one that goes with
/// it.
///
/// # Guarantees
/// - Ends within the gate's time limit and `SessionCommand.defaultGrace`, twice over at most, with all that the command started
///   in its own process group; and with this process, however that ends.
/// - However much it prints: a file of 4 MiB, the newest 50 of them, and 128 KiB of memory.
/// - Whatever keeps it from an exit code decides nothing, and says what to do.
public struct CheckRunner: Sendable {
    private let outputFolder: String
    private let secrets: @Sendable (DeploymentKey) -> SecretFolder
    private let inherited: [String: String]
    private let grace: Duration

    /// - Parameters:
    ///   - outputFolder: where output is kept; of this runner alone.
    ///   - environment: the controller's; of it only PATH, HOME, LANG and TMPDIR are passed on.
    ///   - secrets: those that a deployment's checks may name.
    public init(
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

    public func run(_ inquiry: Inquiry, _ gate: CheckGate) async -> CheckOutcome {
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
            return CheckOutcome(end: .undecided("no folder to run in can be made at \(folder.path): free some space"))
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
            .undecided("it was killed (SIGKILL), perhaps for want of memory: give it more, or less to do")
        case .signalled(let signal): .undecided("it was ended by signal \(signal)")
        case .timedOut:
            .undecided("it did not end within \(timeout.goText) and was ended: raise `timeout`, or give it less to do")
        case .cancelled: .undecided("it was ended because the controller stopped")
        case .failed(let why): .undecided(why)
        }
    }
}
