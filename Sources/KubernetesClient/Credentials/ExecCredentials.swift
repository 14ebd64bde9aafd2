import Foundation
import Subprocess
import SystemPackage
import Transport

/// Credentials from an exec plugin, kept until they expire.
///
/// # Guarantees
/// - At most one run of the plugin is under way. It has a time limit and bounded output, and neither a shell nor a terminal.
/// - Its credentials are used until shortly before `expirationTimestamp`, or until the server refuses them. The plugin runs
///   again at most once in `renewAtMostEvery`, whatever the clock or the server says.
/// - A failure goes to all callers that wait, and is repeated for `failureKept`: a broken plugin does not run for each request.
actor ExecCredentials: CredentialSource {
    static let timeout = Duration.seconds(30)
    static let maximumOutputBytes = 1 << 20
    static let maximumErrorBytes = 4 << 10
    static let renewBeforeExpirySeconds = 10.0
    static let renewAtMostEvery = Duration.seconds(10)
    static let failureKept = Duration.seconds(5)
    static let graceOnStop = Duration.milliseconds(500)

    private let plugin: ExecPlugin
    private let cluster: Kubeconfig.Cluster
    private let impersonation: [Credential.Header]
    private let stopwatch: ClientClock
    private let timeout: Duration
    private let wallClock: @Sendable () -> Date

    private var kept: (credential: Credential, expiresAt: Date?, at: Duration)?
    private var failure: (error: APIError, at: Duration)?
    private var asking: SingleFlight<Credential, Never>?

    init(
        _ plugin: ExecPlugin, cluster: Kubeconfig.Cluster, impersonation: [Credential.Header] = [],
        timeout: Duration = ExecCredentials.timeout, stopwatch: ClientClock = ClientClock(),
        wallClock: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.plugin = plugin
        self.cluster = cluster
        self.impersonation = impersonation
        self.timeout = timeout
        self.stopwatch = stopwatch
        self.wallClock = wallClock
    }

    func current() async throws -> Credential {
        if let kept, isGood(kept.expiresAt) || isFresh(kept.at) { return kept.credential }
        if let failure, stopwatch.elapsed() - failure.at < Self.failureKept { throw failure.error }
        // Bounded by the plugin's own time limit.
        if let asking, asking.join() { return try await asking.value() }
        let flight = SingleFlight<Credential, Never>(after: asking) { try await self.ask(as: $0) }
        _ = flight.join()
        asking = flight
        return try await flight.value()
    }

    private func ask(as flight: SingleFlight<Credential, Never>) async throws -> Credential {
        defer { if asking === flight { asking = nil } }
        do {
            let answer = try ExecCredential.read(try await run(), of: plugin)
            var credential = answer.credential
            credential.impersonation = impersonation
            kept = (credential, answer.expiresAt, stopwatch.elapsed())
            failure = nil
            return credential
        } catch let error as APIError {
            failure = (error, stopwatch.elapsed())
            throw error
        }
    }

    func refused(_ credential: Credential) -> Bool {
        guard let kept else { return true }
        // Another caller has renewed them since.
        guard kept.credential == credential else { return true }
        guard stopwatch.elapsed() - kept.at >= Self.renewAtMostEvery else { return false }
        self.kept = nil
        return true
    }

    /// If this machine's clock is ahead, new credentials look expired. Use them all the same: the server's clock decides.
    private func isFresh(_ at: Duration) -> Bool { stopwatch.elapsed() - at < Self.renewAtMostEvery }

    private func isGood(_ expiresAt: Date?) -> Bool {
        guard let expiresAt else { return true }
        return wallClock().addingTimeInterval(Self.renewBeforeExpirySeconds) < expiresAt
    }

    private func run() async throws -> Data {
        let configuration = try configuration()
        do {
            let result = try await stopwatch.within(timeout, grace: Self.graceOnStop * 2) {
                try await Subprocess.run(
                    configuration, input: .none, output: .bytes(limit: Self.maximumOutputBytes),
                    error: .string(limit: Self.maximumErrorBytes))
            }
            try Task.checkCancellation()
            guard result.terminationStatus.isSuccess else {
                throw refusal("failed (\(result.terminationStatus)). Run it by hand to see why; it may need a login.")
            }
            return Data(result.standardOutput)
        } catch is DeadlineExceeded {
            throw refusal("did not answer within \(timeout) and was stopped. It may wait for a login: run it by hand.")
        } catch let error as SubprocessError {
            try Task.checkCancellation()
            throw refusal(explanation(of: error))
        }
    }

    private func configuration() throws -> Configuration {
        var variables: [Environment.Key: String] = [:]
        // The tools of cloud providers need their own variables. mlctl's variables may hold secrets, so leave them out.
        for (name, value) in ProcessInfo.processInfo.environment where !name.hasPrefix("MLCTL_") {
            if let key = Environment.Key(rawValue: name) { variables[key] = value }
        }
        for variable in plugin.env ?? [] {
            if let key = Environment.Key(rawValue: variable.name) { variables[key] = variable.value }
        }
        if let key = Environment.Key(rawValue: "KUBERNETES_EXEC_INFO") {
            variables[key] = try ExecCredential.info(plugin, cluster: cluster, now: stopwatch.elapsed())
        }
        var options = PlatformOptions()
        options.createSession = true
        options.teardownSequence = [
            .send(signal: .terminate, toProcessGroup: true, allowedDurationToNextStep: Self.graceOnStop)
        ]
        let executable: Executable =
            plugin.command.contains("/") ? .path(FilePath(plugin.command)) : .name(plugin.command)
        return Configuration(
            executable: executable, arguments: Arguments(plugin.args ?? []), environment: .custom(variables),
            platformOptions: options)
    }

    private func refusal(_ reason: String) -> APIError {
        APIError(.credentials, message: "the exec plugin \(plugin.command) \(reason)")
    }

    private func explanation(of error: SubprocessError) -> String {
        switch error.code {
        case .executableNotFound:
            "is not installed, or not on the PATH. \(plugin.installHint ?? "Install it, or give its full path.")"
        case .outputLimitExceeded: "printed more than \(Self.maximumOutputBytes >> 10) KiB, or too many errors."
        case .spawnFailed: "could not be started: check that it is executable and built for this machine."
        default: "could not be run: \(error)"
        }
    }
}
