import ControlAPI
import ControlPorts
import Controller
import Foundation
import Logging
import ModelManifests
import Rollouts
import Synchronization
import TestSupport
import Testing

@testable import Commands

@Suite struct WaiterTests {
    private static func status(_ phase: Phase, isQuarantined: Bool = false) -> ControllerStatus {
        var deployment = StatusSamples.rolledBack
        deployment.phase = phase
        deployment.message = "m"
        if phase == .healthy {
            deployment.stable?.revision = StatusSamples.new
            deployment.conditions = [Condition(type: "Ready", status: "True", reason: "Healthy", message: "m")]
        }
        if !isQuarantined { deployment.quarantined = [] }
        return ControllerStatus(deployments: [deployment])
    }

    private struct Outcome: Sendable {
        var result: Result<String, any Error>
        var progress: [String]

        var error: (any Error)? {
            if case .failure(let error) = result { error } else { nil }
        }
    }

    /// Waits for `churn` through a server for the surface.
    private static func outcome(
        _ surface: SteppingSurface, commit: String? = nil, timeout: Duration = .seconds(30)
    ) async throws -> Outcome {
        let (addresses, continuation) = AsyncStream.makeStream(of: ListenAddress.self)
        let server = try ControlServer(
            surface: surface, listeners: .init(api: ListenAddress(port: 0)),
            register: TokenRegistry(
                AccessKeys([try AccessKey(Caller(name: "ci", role: .viewer), secret: Self.token)])),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, onListening: { continuation.yield($0) })
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            defer { group.cancelAll() }
            let address = try #require(await addresses.first { _ in true })
            return try await outcome(
                at: try #require(URL(string: "http://\(address)")), commit: commit, timeout: timeout)
        }
    }

    private static let token = "viewer-token-7c1e9f04b8d25a63"

    private static func outcome(at server: URL, commit: String?, timeout: Duration) async throws -> Outcome {
        let told = Mutex<[String]>([])
        let waiter = Waiter(
            goal: WaitGoal(deployment: DeploymentKey(name: "churn"), target: .healthy, commit: commit),
            client: try ControlClient(server: server, token: token),
            timeout: DurationArgument(duration: timeout, text: "T"), interval: .milliseconds(1)
        ) { text in
            told.withLock { $0.append(text) }
        }
        let result: Result<String, any Error>
        do {
            result = .success(try await waiter.run())
        } catch {
            result = .failure(error)
        }
        return Outcome(result: result, progress: told.withLock { $0 })
    }

    @Test("each progress change is printed, and the wait ends when the goal is met")
    func met() async throws {
        let outcome = try await Self.outcome(
            SteppingSurface([
                ControllerStatus(), Self.status(.preparing), Self.status(.preparing), Self.status(.progressing),
                Self.status(.healthy),
            ]))
        #expect(try outcome.result.get() == "default/churn is healthy at version 2026-11-20 (bbbbbbbbbb)")
        #expect(
            outcome.progress
                == ["deployment 'default/churn' does not exist yet", "Preparing, m", "Progressing, m"])
    }

    @Test("a rollback ends the wait with exit code 3")
    func rolledBack() async throws {
        let outcome = try await Self.outcome(
            SteppingSurface([Self.status(.progressing), Self.status(.rolledBack, isQuarantined: true)]))
        #expect(outcome.error.map { exitCode(for: $0) } == 3)
    }

    @Test("a timeout ends the wait with exit code 4, and the message says how far it came")
    func timedOut() async throws {
        let outcome = try await Self.outcome(SteppingSurface([Self.status(.paused)]), timeout: .seconds(8))
        // On a machine under load the last poll may fail; the message then ends with its error.
        let failure = try #require(outcome.error as? CommandFailure)
        #expect(failure.description.hasPrefix("not healthy within T: Paused, m"))
        #expect(exitCode(for: failure) == 4)
    }

    @Test("the wait polls again while the controller does not know the commit yet")
    func unknownCommit() async throws {
        let outcome = try await Self.outcome(
            SteppingSurface([Self.status(.healthy)], ancestry: [nil, nil, true]), commit: "c3")
        #expect(throws: Never.self) { try outcome.result.get() }
        #expect(outcome.progress == ["git is busy", "the controller has not read commit c3 yet; it is at c3"])
    }

    @Test("a controller that never answered ends the wait with exit code 5")
    func unreachable() async throws {
        let nobody = try #require(URL(string: "http://127.0.0.1:1"))
        let outcome = try await Self.outcome(at: nobody, commit: nil, timeout: .seconds(30))
        #expect(outcome.error.map { exitCode(for: $0) } == 5)
    }
}
