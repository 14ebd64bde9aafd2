import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import Serving
import Synchronization

/// A controller that answers from memory. Commands change its deployments like a real controller, so that tests can check the
/// result.
final class ScriptedSurface: ControlSurface {
    struct State {
        var status = ControllerStatus()
        var events: [StoredEvent] = []
        var history: [HistoryEntry] = []
        var audit: [AuditEntry] = []
        var log: [LogLine] = []
        /// Each commit's parent.
        var parents: [String: String] = [:]
        var isReady = true
        var looks = 0
        var commands: [OperatorCommand] = []
        var syncFailure: ControlError?
        var outcomes: [ReportedOutcome] = []
        var rollouts: [RecordedRollout] = []
        var readings: [RecordedReading] = []
        var readers: [Int: AsyncStream<StoredEvent>.Continuation] = [:]
        var readerCount = 0
    }

    private let state: Mutex<State>

    init(_ change: (inout State) -> Void = { _ in }) {
        var state = State()
        change(&state)
        self.state = Mutex(state)
    }

    func read<Value: Sendable>(_ body: (inout State) -> Value) -> Value {
        state.withLock { body(&$0) }
    }

    /// Stores an event, then signals it to the readers.
    func append(_ kind: RolloutEvent.Kind, on deployment: DeploymentKey, _ message: String = "") {
        state.withLock { state in
            let id = (state.events.last?.id ?? 0) + 1
            let event = StoredEvent(
                id: id, deployment: deployment,
                event: RolloutEvent(at: Samples.now, kind: kind, message: message))
            state.events.append(event)
            for reader in state.readers.values { reader.yield(event) }
        }
    }

    var readers: Int { state.withLock { $0.readers.count } }

    func auditEntries(after id: Int, limit: Int) async throws -> [AuditEntry] {
        read { Array($0.audit.filter { $0.id > id }.prefix(limit)) }
    }

    func status() async -> ControllerStatus { read { $0.status } }

    func act(_ command: OperatorCommand, on deployment: DeploymentKey) async throws -> DeploymentStatus {
        try state.withLock { state in
            let found = state.status.deployments.firstIndex {
                $0.namespace == deployment.namespace && $0.name == deployment.name
            }
            guard let index = found else { throw ControlError(.notFound, "there is no \(deployment)") }
            var subject = state.status.deployments[index]
            switch command.verb {
            case .pause where subject.phase == .progressing: subject.phase = .paused
            case .resume where subject.phase == .paused: subject.phase = .progressing
            case .promote(let promotion) where promotion.isFull: subject.phase = .promoting
            case .rollback(let revision, _):
                subject.phase = .rollingBack
                subject.message = "to \(revision ?? "the one before")"
            case .abort: subject.phase = .rollingBack
            case .promote, .retry, .suspend: break
            case .pause, .resume: throw ControlError(.conflict, "phase is \(subject.phase.rawValue)")
            }
            state.commands.append(command)
            state.status.deployments[index] = subject
            return subject
        }
    }

    func sync(_ project: String?) async throws -> [SourceStatus] {
        try state.withLock { state in
            state.looks += 1
            if let failure = state.syncFailure { throw failure }
            let sources = state.status.sources.isEmpty ? [Samples.source] : state.status.sources
            return sources.filter { project == nil || $0.project == project }
        }
    }

    func events(matching filter: EventFilter, limit: Int) async throws -> [StoredEvent] {
        read { state in
            let matching = state.events.filter { event in
                event.id > (filter.afterId ?? 0)
                    && (filter.deployment == nil || filter.deployment == event.deployment)
            }
            return Array(matching.reversed().prefix(limit))
        }
    }

    func eventStream() async -> AsyncStream<StoredEvent> {
        let (stream, continuation) = AsyncStream.makeStream(of: StoredEvent.self)
        let id = read { state in
            state.readerCount += 1
            state.readers[state.readerCount] = continuation
            return state.readerCount
        }
        continuation.onTermination = { [weak self] _ in
            _ = self?.read { $0.readers.removeValue(forKey: id) }
        }
        return stream
    }

    func history(of deployment: DeploymentKey) async throws -> [HistoryEntry] { read { $0.history } }

    func logs(of deployment: DeploymentKey, revision: Revision?, lines: Int) async throws -> [LogLine] {
        read { state in
            Array(state.log.filter { revision == nil || $0.revision == revision }.suffix(lines))
        }
    }

    /// Accepts outcomes that are not negative.
    func report(_ outcomes: [ReportedOutcome]) async throws -> OutcomeReceipt {
        read { state in
            let good = outcomes.filter { $0.value >= 0 }
            state.outcomes += good
            let refused = outcomes.filter { $0.value < 0 }.map { OutcomeReceipt.Refusal($0, "negative") }
            return OutcomeReceipt(accepted: good.count, refusals: refused)
        }
    }

    func explanation(of deployment: DeploymentKey) async throws -> DeploymentExplanation {
        try state.withLock { state in
            guard let status = state.status.deployments.first(where: { $0.name == deployment.name }) else {
                throw ControlError(.notFound, "there is no \(deployment)")
            }
            return DeploymentExplanation(status: status)
        }
    }

    func recordedRollouts(of deployment: DeploymentKey) async throws -> [RecordedRollout] {
        read { $0.rollouts.filter { $0.identity.deployment == deployment } }
    }

    func recordedReadings(
        of rollout: Int, in deployment: DeploymentKey, after position: Int, limit: Int
    ) async throws -> [RecordedReading] {
        read { state in Array(state.readings.filter { $0.position > position }.prefix(limit)) }
    }

    func isAncestor(_ commit: String, of descendant: String) async throws -> Bool {
        try state.withLock { state in
            guard state.parents[commit] != nil else { throw ControlError(.notFound, "no commit \(commit)") }
            var current: String? = descendant
            for _ in 0...state.parents.count {
                if current == commit { return true }
                current = current.flatMap { state.parents[$0] }
            }
            return false
        }
    }

    func isReady() async -> Bool { read { $0.isReady } }

    func metrics() async -> String { "mlctl_deployments 1\n" }

    func scrapeTargets() async -> [ScrapeTarget] {
        [ScrapeTarget(targets: ["127.0.0.1:20001"], labels: ["revision": "r1"])]
    }
}

enum Samples {
    static let now = Date(timeIntervalSince1970: 1_795_253_400.25)
    static let key = DeploymentKey(namespace: "payments", name: "fraud-scorer")

    static let source = SourceStatus(
        repo: "/srv/models.git", branch: "main", commit: "1f0c2ab9", fetchedAt: now, error: nil,
        diagnostics: [
            Diagnostic(
                file: "payments/churn.yaml", line: 7, column: 3, path: "spec.replica", message: "unknown field",
                suggestion: "did you mean 'replicas'?")
        ])

    static let deployment = DeploymentStatus(
        namespace: "payments", name: "fraud-scorer", phase: .progressing, since: now, message: "25 % to version 3",
        waitingFor: "evidence: no-worse-errors", deadlineAt: now.addingTimeInterval(1620),
        endpoint: "http://127.0.0.1:9000",
        desired: DesiredStatus(revision: Revision(rawValue: "bbbbbbbbbb"), version: "3", commit: "1f0c2ab9"),
        stable: RevisionStatus(
            revision: Revision(rawValue: "aaaaaaaaaa"), version: "2", weight: 75, replicas: 2, ready: 2),
        candidate: RevisionStatus(
            revision: Revision(rawValue: "bbbbbbbbbb"), version: "3", weight: 25, replicas: 2, ready: 2),
        step: StepStatus(index: 3, count: 6, description: "gate no-worse-errors"),
        gates: [
            GateSummary(
                name: "no-worse-errors", verdict: "insufficient", samples: 120, reason: "3 errors of 120")
        ],
        conditions: [Condition(type: "Ready", status: "True", reason: "Serving", message: "stable serves")])

    static let status = ControllerStatus(sources: [source], deployments: [deployment])
}
