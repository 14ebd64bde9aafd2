import ControlAPI
import Controller
import Foundation

/// Looks at the controller until a goal is met, cannot be met any more, or time is up. A controller that goes away for a
/// while (it is upgraded, say) is waited for; one that was never there is not.
struct Waiter {
    /// The least that one look gets, however little time is left.
    private static let shortestLook: Duration = .seconds(1)
    private static let absenceLimit: Duration = .seconds(60)

    let goal: WaitGoal
    let client: ControlClient
    let timeout: DurationArgument
    var interval: Duration = .milliseconds(500)
    /// Called with where it stands, whenever that changes.
    let progress: (String) -> Void

    /// - Returns: how the goal was met.
    /// - Throws: `CommandFailure`, `ControlClientError`, `ControlError`.
    func run() async throws -> String {
        let clock = ContinuousClock()
        let deadline = clock.now + timeout.duration
        var lineage = Lineage(goal: goal, client: client)
        var standing = ""
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
                throw CommandFailure(.timedOut, "not \(goal.target.rawValue) within \(timeout): \(standing)")
            }
        }
    }
}

extension ControlClientError {
    /// Nothing answered, rather than something that said no.
    fileprivate var isAbsence: Bool {
        switch self {
        case .unreachable, .timedOut: true
        case .untrusted, .refused, .unexpected: false
        }
    }
}

/// Which commits are the goal's or descend from it, as far as the controller has answered.
private struct Lineage {
    let goal: WaitGoal
    let client: ControlClient
    private var answers: [String: Bool] = [:]

    init(goal: WaitGoal, client: ControlClient) {
        self.goal = goal
        self.client = client
    }

    func includes(_ commit: String) -> Bool { answers[commit] ?? false }

    /// Asks about the commits of a status that have not been asked about.
    mutating func learn(_ status: ControllerStatus) async throws {
        guard let wanted = goal.commit else { return }
        let own = status.deployments.filter { $0.key == goal.deployment }.compactMap(\.desired?.commit)
        for commit in Set(status.sources.compactMap(\.commit) + own) where answers[commit] == nil {
            do {
                answers[commit] = try await client.isAncestor(wanted, of: commit)
            } catch let error as ControlError where error.code == .notFound {
                continue  // Not fetched yet: asked again at the next look.
            }
        }
    }
}
