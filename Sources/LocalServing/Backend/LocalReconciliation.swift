import ModelManifests
import Serving

/// What is to be done for one deployment, from its plan and its instances. Pure; the same again changes nothing more.
///
/// # Guarantees
/// - What is wanted is started before anything is stopped.
/// - The last ready instance of a weighted revision of the plan is not retired.
/// - An instance is retired (no new requests), then drained, then stopped, then removed, in this order.
struct LocalReconciliation: Hashable, Sendable {
    /// Nil: nothing is known of what is wanted, so that nothing is started or retired.
    var plan: ServingPlan?
    var instances: [SeenInstance]

    enum Action: Hashable, Sendable {
        /// Journal one more instance.
        case create(Revision)
        case fetchFiles(String)
        /// Start a keeper for it.
        case launch(String)
        /// No new requests from now on. There is no way back.
        case retire(String)
        /// Ask its keeper to end it.
        case stop(String)
        /// Ask its keeper to end its server and to start it again.
        case restart(String, OutlierCause)
        /// Nothing of it runs: put its logs away and delete its folder.
        case remove(String)
    }

    var actions: [Action] { creations + upkeep + retirements + departures }

    private var staying: [SeenInstance] { instances.filter { $0.leaving == nil && $0.stage != .ended(.stopped) } }

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
            // It ended though nobody here asked it to: somebody stopped its keeper. It is replaced.
            case .ended(.stopped): .remove(instance.id)
            case .kept: instance.restartCause.map { .restart(instance.id, $0) }
            case .cannotHaveFiles, .ended: nil
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

    private func retire(_ instances: some Sequence<SeenInstance>) -> [Action] {
        instances.sorted { $0.number < $1.number }.map { .retire($0.id) }
    }

    /// Those that serve first, then the oldest.
    private static func isKeptBefore(_ left: SeenInstance, _ right: SeenInstance) -> Bool {
        (rank(left), left.number) < (rank(right), right.number)
    }

    private static func rank(_ instance: SeenInstance) -> Int {
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
            case .ended, .needsFiles, .cannotHaveFiles, .needsKeeper(hasServer: false, _): return [.remove(instance.id)]
            case .kept: return mayStop && !leaving.isAskedToStop ? [.stop(instance.id)] : []
            // A keeper takes the server over and ends it as it should be.
            case .needsKeeper(hasServer: true, _): return mayStop ? [.stop(instance.id), .launch(instance.id)] : []
            }
        }
    }
}
