import ControlPorts
import Foundation
import Logging
import Synchronization

/// A webhook for git servers. It answers at once, and git is checked soon after. Of all pending calls, at most one check of each
/// project runs and one more waits, and there is a pause between checks: anyone who can reach the server can call it, and a delivery
/// can be sent again. So a call can do no more than have git checked a little earlier.
struct GitHook: Sendable {
    static let distance: Duration = .seconds(1)
    /// Longer bodies are not read: git servers send less for all but enormous pushes, and git is checked at intervals anyway.
    static let bodyBytes = 1 << 20
    /// How many bodies are read at a time.
    static let atOnce = 4

    private enum Pending: Hashable {
        case nothing
        case some(Set<String>)
        case all
    }

    /// Admits bodies to be read.
    let bodies = BodyAdmission(
        most: atOnce,
        refusal: "\(atOnce) deliveries are being read already: send it again; git is checked at intervals anyway")
    private let rules: [HookRule]
    private let nudges: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation
    private let shared = Shared()

    /// What all copies of the hook know.
    private final class Shared: Sendable {
        let pending = Mutex(Pending.nothing)
        /// The last delivery to each project that wants a proof.
        let deliveries = Mutex<[String: HookDeliveryStatus]>([:])
    }

    init(rules: [HookRule] = []) {
        self.rules = rules
        (nudges, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Whether any project wants to know who sends. Otherwise bodies are not read.
    var wantsProof: Bool { rules.contains { $0.secretFile != nil } }

    /// - Parameter projects: nil for all.
    func nudge(_ projects: Set<String>? = nil) {
        shared.pending.withLock { pending in
            switch (pending, projects) {
            case (.all, _), (_, nil): pending = .all
            case (.nothing, let projects?): pending = .some(projects)
            case (.some(let known), let projects?): pending = .some(known.union(projects))
            }
        }
        continuation.yield()
    }

    /// Decides about a delivery, has git checked where it matters, and remembers it for the status.
    func take(_ delivery: HookDelivery, body: Data, at now: Date = Date()) -> HookDecision {
        let decision = HookDecision(delivery, body: body, rules: rules)
        shared.deliveries.withLock { deliveries in
            for rule in rules where rule.secretFile != nil {
                guard let verdict = decision.verdicts[rule.project] else { continue }
                let isAgain =
                    verdict.isProved && delivery.id != nil && deliveries[rule.project]?.id == delivery.id
                deliveries[rule.project] = HookDeliveryStatus(
                    at: now, sender: delivery.sender.rawValue, id: verdict.isProved ? delivery.id : nil,
                    isAccepted: verdict.isProved, outcome: verdict.text + (isAgain ? "; it came again" : ""))
            }
        }
        if !decision.checked.isEmpty { nudge(decision.checked) }
        return decision
    }

    /// The status with the last delivery of each project.
    func completed(_ status: ControllerStatus) -> ControllerStatus {
        var status = status
        let deliveries = shared.deliveries.withLock(\.self)
        for index in status.sources.indices {
            guard let project = status.sources[index].project else { continue }
            status.sources[index].delivery = deliveries[project]
        }
        return status
    }

    /// Checks git after each nudge, until cancelled. A failed check is shown in the source's status; here it is only logged.
    ///
    /// - Parameter look: checks a project; nil for all.
    func run(
        distance: Duration = GitHook.distance, logger: Logger, look: @Sendable (String?) async throws -> Void
    ) async {
        for await _ in nudges {
            let pending = shared.pending.withLock { pending in
                defer { pending = .nothing }
                return pending
            }
            let projects: [String?] =
                switch pending {
                case .nothing: []
                case .some(let names): names.sorted()
                case .all: [nil]
                }
            for project in projects {
                do {
                    try await look(project)
                } catch is CancellationError {
                    return
                } catch {
                    logger.warning("a check of git, requested by the hook, failed", metadata: ["error": "\(error)"])
                }
            }
            guard (try? await Task.sleep(for: distance)) != nil else { return }
        }
    }
}
