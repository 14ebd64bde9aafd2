import ControlAPI
import ControlPorts
import Foundation
import Presentation

/// Polls the controller until the goal is reached, can no longer be reached, or the time is up. A controller that disappears
/// for a while (for example during an upgrade) is waited for; a controller that never answered is not.
struct Waiter {
    /// The least time for one poll, however little time is left.
    private static let shortestLook: Duration = .seconds(1)
    private static let absenceLimit: Duration = .seconds(60)

    let goal: WaitGoal
    let client: ControlClient
    let timeout: DurationArgument
    var interval: Duration = .milliseconds(500)
    /// Called with the current state whenever it changes.
    let progress: (String) -> Void

    /// - Returns: how the goal was reached.
    /// - Throws: `CommandFailure`, `ControlClientError`, `ControlError`.
    func run() async throws -> String {
        let clock = ContinuousClock()
        let deadline = clock.now + timeout.duration
        var lineage = CommitAncestry(goal: goal, client: client)
        var standing = ""
        /// Where the deployment stood at the controller's last answer.
        var lastStanding: String?
        var lastAnswer: ContinuousClock.Instant?
        while true {
            let news: String
            do {
                let status = try await client.status(within: max(Self.shortestLook, deadline - clock.now))
                try await lineage.learn(status)
                lastAnswer = clock.now
                switch goal.verdict(status, includesCommit: lineage.includes) {
                case .met(let text): return text
                case .failed(let exit, let reason): throw CommandFailure(exit, reason)
                case .waiting(let text): news = text
                }
                lastStanding = news
            } catch let error as ControlClientError {
                guard let lastAnswer, clock.now - lastAnswer < Self.absenceLimit, error.isAbsence else { throw error }
                news = error.description
            } catch let error as ControlError where error.code == .unavailable {
                news = error.message
            }
            if news != standing { progress(news) }
            standing = news
            try await Task.sleep(for: min(interval, max(.zero, deadline - clock.now)))
            guard clock.now < deadline else {
                let known = lastStanding.map { $0 == standing ? $0 : "\($0); since then: \(standing)" } ?? standing
                throw CommandFailure(.timedOut, "not \(goal.target.rawValue) within \(timeout): \(known)")
            }
        }
    }
}

extension ControlClientError {
    /// No answer at all, in contrast to an answer with an error.
    fileprivate var isAbsence: Bool {
        switch self {
        case .unreachable, .timedOut: true
        case .untrusted, .refused, .unexpected: false
        }
    }
}

/// The commits that are the goal's commit or descend from it, as far as the controller has answered.
private struct CommitAncestry {
    let goal: WaitGoal
    let client: ControlClient
    private var answers: [String: Bool] = [:]

    init(goal: WaitGoal, client: ControlClient) {
        self.goal = goal
        self.client = client
    }

    func includes(_ commit: String) -> Bool { answers[commit] ?? false }

    /// Asks about commits of a status that are still unknown.
    mutating func learn(_ status: ControllerStatus) async throws {
        guard let wanted = goal.commit else { return }
        let own = status.deployments.filter { $0.key == goal.deployment }.compactMap(\.desired?.commit)
        for commit in Set(status.sources.compactMap(\.commit) + own) where answers[commit] == nil {
            do {
                answers[commit] = try await client.isAncestor(wanted, of: commit)
            } catch let error as ControlError where error.code == .notFound {
                continue  // Not fetched yet; asked again at the next poll.
            }
        }
    }
}
