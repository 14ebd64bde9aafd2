import ModelManifests

/// What becomes of a deployment that a commit does not describe any more.
package enum Departure: Hashable, Sendable {
    case removed
    /// Another deployment takes its place, perhaps at the same address.
    case renamed(to: DeploymentKey, keepsAddress: Bool = false)
    /// Another project describes it.
    case moved(toProject: String)
    /// It is not certain that it was removed.
    case kept(reason: String, remedy: String)
}

/// A cause for a person to look twice, and for `mlctl plan --fail-on`.
package enum PlanRisk: String, Hashable, Encodable, CaseIterable, Sendable {
    /// A deployment is stopped for good.
    case removal
    /// Requests fail that would be answered without this commit.
    case outage
}

/// What users of an endpoint would notice of a change. Pure.
package struct UserImpact: Hashable, Sendable {
    package var text: String
    package var risks: Set<PlanRisk> = []

    /// - Parameters:
    ///   - serves: the version that answers now; nil where none does.
    ///   - isKnown: whether it is known what answers now.
    ///   - access: to the endpoint as it is now; nil where that is not known.
    ///   - otherPorts: the ports that other deployments of the plan ask for.
    init(
        of change: DeploymentPlan.Change, _ deployment: ModelDeployment, serves: String?, isKnown: Bool,
        access: EndpointAccess?, otherPorts: [Int: DeploymentKey] = [:], renamedFrom: DeploymentKey?,
        movedFrom: String?
    ) {
        let version = deployment.template.model.version
        if let movedFrom {
            text =
                "nothing answers from when it has stopped in project '\(movedFrom)' until version \(version) is ready here; its "
                + "history and its quarantines are forgotten"
            risks = [.outage]
            return
        }
        switch change {
        case .created:
            text =
                renamedFrom.map { "clients of \($0) must use this endpoint; it opens when version \(version) is ready" }
                ?? "a new endpoint, which opens when version \(version) is ready"
        case .revision: (text, risks) = Self.rollout(deployment, serves: serves)
        case .settings: text = "version \(serves ?? version) keeps answering"
        case .unchanged, .quarantined, .kept:
            text = serves.map { "nothing: version \($0) keeps answering" } ?? "nothing"
        case .unknown: text = "not known, because it is not known what serves now"
        case .removed: (text, risks) = ("nothing answers any more", [.removal, .outage])
        }
        if change == .settings || change == .revision, isKnown, serves != nil, let access {
            let refused = access.refusals(by: deployment, otherPorts: otherPorts)
            guard !refused.isEmpty else { return }
            text = refused.map { "\($0). " }.joined() + text
            risks.insert(.outage)
        }
    }

    /// Of a deployment that the commit does not describe.
    init(of departure: Departure, serves: String?, endpoint: String?, drain: Duration?) {
        let place = endpoint.map { "requests to \($0)" } ?? "its requests"
        let ending = drain.map { " (running ones may end within \($0.goText))" } ?? ""
        switch departure {
        case .removed:
            text = serves == nil ? "nothing: no version of it answers" : "\(place) are refused from then on\(ending)"
            risks = serves == nil ? [.removal] : [.removal, .outage]
        case .renamed(let key, keepsAddress: true) where serves != nil:
            text =
                "nothing answers at \(endpoint ?? "its address") from when it has stopped\(ending) until \(key) is ready, which has the "
                + "same address"
            risks = [.removal, .outage]
        case .renamed(let key, _):
            text =
                serves == nil
                ? "nothing: no version of it answers"
                : "\(place) are refused from then on\(ending): \(key) is another deployment with an endpoint of its own"
            risks = serves == nil ? [.removal] : [.removal, .outage]
        case .moved(let project):
            text =
                "nothing answers from when it has stopped\(ending) until its version is ready in project '\(project)'; its history "
                + "and its quarantines are forgotten"
            risks = serves == nil ? [] : [.outage]
        case .kept: text = serves.map { "nothing: version \($0) keeps answering" } ?? "nothing"
        }
    }

    private static func rollout(_ deployment: ModelDeployment, serves: String?) -> (String, Set<PlanRisk>) {
        let version = deployment.template.model.version
        guard !deployment.suspend else {
            return (serves.map { "nothing yet: version \($0) keeps answering" } ?? "nothing yet", [])
        }
        guard let serves else { return ("the endpoint opens when version \(version) is ready", []) }
        guard deployment.overlapsRevisions else {
            return (
                "nothing answers from when version \(serves) has stopped until version \(version) is ready", [.outage]
            )
        }
        switch deployment.rollout.strategy {
        case .shadow:
            return ("version \(serves) answers until version \(version) is promoted; that gets copies of requests", [])
        case .blueGreen:
            return ("all requests move from version \(serves) to version \(version) at once, after its checks", [])
        case .canary, .ab, .recreate:
            let weights = deployment.rollout.steps.compactMap { step -> Int? in
                if case .setWeight(let weight) = step.action { weight } else { nil }
            }
            let shares = weights.map { "\($0)" }.joined(separator: ", ")
            return (
                "version \(version) answers \(shares) % of requests, step by step; version \(serves) answers the others",
                []
            )
        }
    }
}
