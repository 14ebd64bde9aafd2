import Analysis
import Foundation
import JSON
import KubernetesClient
import Logging
import ModelManifests
import Rollouts
import TestSupport
import Transport

@testable import KubernetesServing

/// Checks over the model of an API server, with a manual clock: at each sleep the cluster takes a step and a second passes.
struct CheckRig: Sendable {
    static let start = Date(timeIntervalSince1970: 1_800_000_000)
    /// A limit in seconds of the clock: whatever a test waits for has happened by then, or never does.
    static let mostSteps = 3_000

    let transport: ModelTransport
    private let clock = ManualClock()

    /// - Parameter ends: how pods end, by their image.
    init(_ ends: [String: ScriptedEnd] = ["server:1": ScriptedEnd()]) {
        let clock = clock
        let now: @Sendable () -> Date = {
            Self.start.addingTimeInterval(Double(clock.now.offset.components.seconds))
        }
        var settings = APIServerModel.Settings()
        settings.ends = ends
        transport = ModelTransport(
            APIServerModel(namespaces: ["payments", "risk"], now: Self.start, settings: settings), now: now)
    }

    /// A further call gives another controller's checks.
    func checks() -> ClusterChecks {
        ClusterChecks(
            api: KubernetesAPI(transport: transport, retries: .never, stopwatch: ClientClock(clock)),
            owners: NoOwners(),
            settings: Sample.settings, logger: Logger(label: "checks") { _ in SwiftLogNoOpLogHandler() })
    }

    /// Runs one check to its result.
    /// - Parameter meanwhile: runs before each step of the cluster, with the seconds since the start.
    @discardableResult
    func run(
        _ gate: CheckGate = CheckSample.gate, run: Int = 1, by checks: ClusterChecks? = nil,
        meanwhile: @escaping @Sendable (Int, ModelTransport) async throws -> Void = { _, _ in }
    ) async throws -> CheckOutcome {
        let checks = checks ?? self.checks()
        return try await withThrowingTaskGroup(of: CheckOutcome?.self) { group in
            group.addTask { await checks.run(CheckSample.inquiry(gate, run: run), gate) }
            group.addTask {
                try await passTime(meanwhile)
                return nil
            }
            defer { group.cancelAll() }
            guard let outcome = try await group.next() ?? nil else {
                throw ConditionNotMet(what: "the check has an answer")
            }
            return outcome
        }
    }

    /// - Parameter until: ends it early.
    func passTime(
        until isOver: @Sendable () async throws -> Bool = { false },
        _ meanwhile: @Sendable (Int, ModelTransport) async throws -> Void
    ) async throws {
        var steps = 0
        while steps < Self.mostSteps, !Task.isCancelled, try await !isOver() {
            guard !clock.deadlines.isEmpty else {
                try? await Task.sleep(for: .milliseconds(1))  // Somebody is at work.
                continue
            }
            try await meanwhile(Int(clock.now.offset.components.seconds), transport)
            await transport.step()
            clock.advance(by: .seconds(1))
            steps += 1
        }
    }

    // MARK: - Observing

    /// - Parameter pass: what the controller does in each of its passes.
    func wait(untilJobs names: Set<String>, _ pass: @Sendable () -> Void) async throws {
        for _ in 0..<Self.mostSteps {
            if Set(await jobNames) == names { return }
            pass()
            await transport.step()
            try await Task.sleep(for: .milliseconds(1))  // Watches tell in their own time.
        }
        throw ConditionNotMet(what: "the Jobs are \(names), and not \(await jobNames)")
    }

    /// Since the start.
    var seconds: Int { Int(clock.now.offset.components.seconds) }

    func jobs() async -> [JSONValue] { await transport.model.objects(.jobs) }

    var jobNames: [String] {
        get async { await jobs().compactMap { $0["metadata"]?["name"]?.string } }
    }

    /// How many requests to create a Job were sent.
    var creations: Int {
        get async { await transport.writes.count { $0.method == .post && $0.path.hasSuffix("/jobs") } }
    }
}

extension CheckOutcome {
    /// The reason of an undecided check; nil if it is decided.
    var why: String? { if case .undecided(let why) = end { why } else { nil } }
}

extension JSONValue {
    /// Both modules define this name.
    var string: String? { if case .string(let text) = self { text } else { nil } }
}
