import ModelManifests
import Serving

/// Decides what to do for one deployment, from its plan and its instances. Pure and idempotent.
///
/// # Guarantees
/// - New instances start before old ones stop.
/// - The last ready instance of a revision with weight above 0 is not retired.
/// - An instance is retired (no new requests), then drained, then stopped, then removed, in this order.
struct LocalReconciliation: Hashable, Sendable {
    /// Nil if the wanted state is unknown. Then nothing is created or retired.
    var plan: ServingPlan?
    var instances: [ObservedInstance]

    enum Action: Hashable, Sendable {
        /// Write the journal of one more instance.
        case create(Revision)
        case fetchFiles(String)
        /// Start a keeper for the instance.
        case launch(String)
        /// Send the instance no new requests. This cannot be undone.
        case retire(String)
        /// Ask the keeper to end the instance.
        case stop(String)
        /// Ask the keeper to restart the server.
        case restart(String, OutlierCause)
        /// Nothing of the instance runs: keep its logs and delete its folder.
        case remove(String)
    }

    var actions: [Action] { creations + upkeep + retirements + departures }

    private var staying: [ObservedInstance] { instances.filter { $0.leaving == nil && $0.stage != .ended(.stopped) } }

    private var creations: [Action] {
        (plan?.revisions ?? []).flatMap { wanted in
            let have = staying.count { $0.revision == wanted.revision }
            return Array(repeating: Action.create(wanted.revision), count: max(wanted.replicas - have, 0))
        }
    }

    private var upkeep: [Action] {
        let retired = Set(retirements)
        return instances.filter { $0.leaving == nil && !retired.contains(.retire($0.id)) }.compactMap { instance in
            switch instance.stage {
            case .needsFiles: .fetchFiles(instance.id)
            case .needsKeeper: .launch(instance.id)
            // Somebody else stopped its keeper. Remove the instance, so that a new one replaces it.
            case .ended(.stopped): .remove(instance.id)
            case .kept: instance.restartCause.map { .restart(instance.id, $0) }
            case .ended: nil
            }
        }
    }

    private var retirements: [Action] {
        guard let plan else { return [] }
        let wanted = Dictionary(plan.revisions.map { ($0.revision, $0) }) { first, _ in first }
        return Dictionary(grouping: staying, by: \.revision).sorted { $0.key < $1.key }.flatMap { revision, members in
            guard let wanted = wanted[revision] else { return retire(members) }
            let order = members.sorted(by: Self.isKeptBefore)
            let mustKeep = wanted.weight > 0 && order.first?.serves == true ? 1 : 0
            return retire(order.dropFirst(max(wanted.replicas, mustKeep)))
        }
    }

    private func retire(_ instances: some Sequence<ObservedInstance>) -> [Action] {
        instances.sorted { $0.number < $1.number }.map { .retire($0.id) }
    }

    /// Keep serving instances first, then the oldest.
    private static func isKeptBefore(_ left: ObservedInstance, _ right: ObservedInstance) -> Bool {
        (rank(left), left.number) < (rank(right), right.number)
    }

    private static func rank(_ instance: ObservedInstance) -> Int {
        if instance.serves { return 0 }
        return switch instance.condition {
        case .ready, .unready: 1
        case .starting: 2
        case .fetching, .blocked: 3
        case .crashLooping, .draining, .failed: 4
        }
    }

    private var departures: [Action] {
        instances.flatMap { instance -> [Action] in
            guard let leaving = instance.leaving else { return [] }
            let mayStop = leaving.isDrained || leaving.isDrainOver
            switch instance.stage {
            case .ended, .needsFiles, .needsKeeper(hasServer: false, _): return [.remove(instance.id)]
            case .kept: return mayStop && !leaving.isAskedToStop ? [.stop(instance.id)] : []
            // A new keeper adopts the server and ends it in the regular way.
            case .needsKeeper(hasServer: true, _): return mayStop ? [.stop(instance.id), .launch(instance.id)] : []
            }
        }
    }
}
