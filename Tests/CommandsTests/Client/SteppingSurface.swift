import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import Serving
import Synchronization

/// A controller that returns the next status on each poll, and the last one from then on. It supports only the calls of `wait`.
final class SteppingSurface: ControlSurface {
    private let statuses: [ControllerStatus]
    /// The answers, in turn, to whether a commit is the goal's or descends from it. `nil`: not known yet, at the first
    /// question because git is busy.
    private let ancestry: [Bool?]
    private let looks = Mutex(0)
    private let questions = Mutex(0)

    init(_ statuses: [ControllerStatus], ancestry: [Bool?] = [true]) {
        self.statuses = statuses
        self.ancestry = ancestry
    }

    func status() async -> ControllerStatus {
        let look = looks.withLock { looks in
            defer { looks += 1 }
            return looks
        }
        return statuses[min(look, statuses.count - 1)]
    }

    func isAncestor(_ commit: String, of descendant: String) async throws -> Bool {
        let question = questions.withLock { questions in
            defer { questions += 1 }
            return questions
        }
        guard let answer = ancestry[min(question, ancestry.count - 1)] else {
            throw question == 0
                ? ControlError(.unavailable, "git is busy") : ControlError(.notFound, "no commit \(commit)")
        }
        return answer
    }

    func act(_ command: OperatorCommand, on deployment: DeploymentKey) async throws -> DeploymentStatus {
        throw ControlError(.unavailable, "only looked at")
    }
    func sync(_ project: String?) async throws -> [SourceStatus] { throw ControlError(.unavailable, "only looked at") }
    func auditEntries(after id: Int, limit: Int) async throws -> [AuditEntry] { [] }
    func events(matching filter: EventFilter, limit: Int) async throws -> [StoredEvent] { [] }
    func eventStream() async -> AsyncStream<StoredEvent> { AsyncStream { $0.finish() } }
    func history(of deployment: DeploymentKey) async throws -> [HistoryEntry] { [] }
    func logs(of deployment: DeploymentKey, revision: Revision?, lines: Int) async throws -> [LogLine] { [] }
    func report(_ outcomes: [ReportedOutcome]) async throws -> OutcomeReceipt { OutcomeReceipt() }
    func explanation(of deployment: DeploymentKey) async throws -> DeploymentExplanation {
        throw ControlError(.unavailable, "only looked at")
    }
    func recordedRollouts(of deployment: DeploymentKey) async throws -> [RecordedRollout] { [] }
    func recordedReadings(
        of rollout: Int, in deployment: DeploymentKey, after position: Int, limit: Int
    ) async throws -> [RecordedReading] { [] }
    func isReady() async -> Bool { true }
    func metrics() async -> String { "" }
    func scrapeTargets() async -> [ScrapeTarget] { [] }
}
