import ControlPorts
import ModelManifests
import Presentation

/// The deployments that a query selects, in its order, and how many there are of each kind.
struct FleetSelection {
    /// The deployments of the query's page.
    let shown: [DeploymentStatus]
    /// How many the query selects on all pages.
    let count: Int
    let page: Int
    let pageCount: Int
    /// Of the search and the project, whatever the query shows.
    let attention: [Attention: Int]

    init(_ deployments: [DeploymentStatus], _ query: FleetQuery) {
        let words = query.words
        let ranked = deployments.lazy
            .filter { query.project == nil || $0.project == query.project }
            .filter { deployment in words.allSatisfy(deployment.contains) }
            .map { (Attention($0), $0) }
        let found = Array(ranked)
        attention = found.reduce(into: [:]) { $0[$1.0, default: 0] += 1 }
        let kept = found.filter { query.show.includes($0.0) }
        var sorted = kept.sorted { Self.precedes($0, $1, query.order) }
        if query.isReversed { sorted.reverse() }
        count = sorted.count
        pageCount = max(1, (count + FleetQuery.pageSize - 1) / FleetQuery.pageSize)
        page = min(query.page, pageCount)
        shown = sorted.dropFirst((page - 1) * FleetQuery.pageSize).prefix(FleetQuery.pageSize).map(\.1)
    }

    private static func precedes(
        _ left: (Attention, DeploymentStatus), _ right: (Attention, DeploymentStatus), _ order: FleetQuery.Order
    ) -> Bool {
        let (a, b) = (left.1, right.1)
        switch order {
        case .attention:
            if left.0 != right.0 { return left.0 < right.0 }
            // The newest problem first; what is quiet by its name.
            if left.0 != .quiet, a.since != b.since { return a.since > b.since }
        case .name: break
        case .project: if a.project != b.project { return (a.project ?? "") < (b.project ?? "") }
        case .phase: if a.phase != b.phase { return a.phase.rawValue < b.phase.rawValue }
        case .traffic: if a.candidateWeight != b.candidateWeight { return a.candidateWeight > b.candidateWeight }
        case .ready: if a.missing != b.missing { return a.missing > b.missing }
        case .age: if a.since != b.since { return a.since > b.since }
        }
        return a.key < b.key
    }
}

extension FleetQuery.Show {
    fileprivate func includes(_ attention: Attention) -> Bool {
        switch self {
        case .all: true
        case .problems: attention.isProblem
        case .moving: attention == .moving
        case .quiet: attention == .quiet
        }
    }
}

extension DeploymentStatus {
    fileprivate var candidateWeight: Int { candidate?.weight ?? -1 }

    fileprivate var missing: Int {
        [stable, candidate].compactMap(\.self).reduce(0) { $0 + max(0, $1.replicas - $1.ready) }
    }

    /// Whether a lower-case word is in what people look for.
    fileprivate func contains(_ word: String) -> Bool {
        let texts = [
            "\(namespace)/\(name)", phase.rawValue, message, project ?? "", waitingFor ?? "",
            stable?.version ?? "", candidate?.version ?? "", stable?.revision.rawValue ?? "",
            candidate?.revision.rawValue ?? "", desired?.version ?? "", desired?.commit ?? "",
        ]
        return texts.contains { $0.lowercased().contains(word) }
    }
}
