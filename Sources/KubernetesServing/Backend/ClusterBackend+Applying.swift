import Foundation
import KubernetesClient
import ModelManifests
import Serving

extension ClusterBackend {
    package func apply(_ plan: ServingPlan) async throws {
        let deployment = plan.deployment
        let router = Self.router(plan.target)
        if !plan.revisions.isEmpty, !router.needs.isEmpty { try await follow(router) }
        // Without complete caches it is not known which objects are missing or superfluous.
        if let missing = unsynced(of: views.needed(by: router)) { throw missing }
        let kind = Self.kind(plan.target)
        let signing = await signing(plan, kind)
        let seal = kind == .proxy ? try await recordKey?.seal() : nil
        let sharedKey = SharedKey(namespace: deployment.namespace, router: kind, proxyKey: signing.key)
        let rendering = PlanRendering(
            plan: plan, settings: settings, router: router,
            ready: ClusterObservation.ready(views.pods.all(of: deployment)),
            proxyPort: kind == .proxy ? try choosePort(plan) : nil, proxyKey: signing.key, seal: seal,
            knownShared: shared[sharedKey])
        let result = rendering.result()
        if !result.shared.isEmpty { shared[sharedKey] = result.shared }
        let live = views.live(of: deployment)
        try checkNames(result, deployment, live)
        let order = ApplyOrder(
            result, deployment: deployment, live: live, replicas: replicas(of: deployment),
            keptNames: rendering.keptNames)
        noteRetired(by: plan)
        plans[deployment] = plan.revisions.isEmpty ? nil : plan
        var failures = Failures()
        try await carryOut(order, plan, surplus: surplus(beside: result.shared), &failures)
        if failures.first == nil {
            if !result.routes.contains(where: { $0.type == .configMaps }) {
                try await deleteUnusedProxy(after: deployment)
            }
            if plan.revisions.isEmpty { forget(deployment) }
        }
        if let failure = failures.first ?? result.failures.first ?? signing.failure { throw failure }
    }

    /// The errors of one pass. A refused object does not block the others: traffic must leave a bad revision even if another
    /// revision's Deployment exceeds its quota.
    private struct Failures {
        private(set) var first: ClusterServingError?
        private(set) var isUnreachable = false

        mutating func note(_ error: ClusterServingError) {
            if first == nil { first = error }
            if error.code == .unreachable { isUnreachable = true }
        }
    }

    private func carryOut(
        _ order: ApplyOrder, _ plan: ServingPlan, surplus: [Deletion], _ failures: inout Failures
    ) async throws {
        try await write(order.before, plan, &failures)
        var unrouted = Failures()
        if !failures.isUnreachable { try await write(order.routes, plan, &unrouted) }
        if let failure = unrouted.first { failures.note(failure) }
        // If traffic may still go the old way, the pods that answer it stay.
        guard unrouted.first == nil, !failures.isUnreachable else { return }
        try await write(order.after, plan, &failures)
        for deletion in order.deletions + surplus {
            do {
                try await delete(deletion)
            } catch let error as ClusterServingError {
                failures.note(error)
            }
        }
    }

    private func write(_ objects: [WantedObject], _ plan: ServingPlan, _ failures: inout Failures) async throws {
        for object in objects where !failures.isUnreachable {
            do {
                try await write(object, plan)
            } catch let error as ClusterServingError {
                failures.note(error)
            }
        }
    }

    /// The key with which the namespace's proxies sign. Without a key everything else is applied, and the proxies stay as they
    /// are.
    private func signing(
        _ plan: ServingPlan, _ router: KubernetesTarget.Router
    ) async -> (key: String?, failure: (any Error)?) {
        guard router == .proxy, !plan.revisions.isEmpty else { return (nil, nil) }
        do {
            return (try await proxyKey(in: plan.deployment.namespace).fingerprint, nil)
        } catch {
            return (nil, error)
        }
    }

    /// The first deployment with such a router waits until the types that it needs are read. A missing definition is an error.
    private func follow(_ router: any ClusterRouter) async throws {
        views.want(router)
        try await waitUntilSynced(views.needed(by: router), timeout: Self.firstReading)
        for need in router.needs where views[need.type]?.failure?.isMissingResource == true {
            throw ClusterServingError(.missingDefinition, need.advice)
        }
    }

    private static let firstReading = Duration.seconds(5)

    private func replicas(of deployment: DeploymentKey) -> [ObjectID: Int] {
        Dictionary(
            views.workloads.all(of: deployment).map { workload in
                (ObjectID(type: .deployments, key: workload.metadata.key), workload.detail.spec?.replicas ?? 1)
            }
        ) { first, _ in first }
    }

    private func choosePort(_ plan: ServingPlan) throws -> Int? {
        let deployment = plan.deployment
        guard !plan.revisions.isEmpty else { return nil }
        readPorts()
        if let port = proxyPorts[deployment] { return port }
        let taken = proxyPorts.taken(in: deployment.namespace)
        guard let port = ProxyRouter.port(for: deployment, remembered: nil, taken: taken) else {
            throw ClusterServingError(
                .invalidPlan,
                "the namespace \(deployment.namespace) has \(taken.count) routes, and its proxies have no free port. "
                    + "Deploy to another namespace.", retry: .waiting)
        }
        proxyPorts[deployment] = port
        return port
    }

    /// Runs once, before the first port is chosen; later routes are recorded as they arrive.
    private func readPorts() {
        guard !knowsPorts else { return }
        knowsPorts = true
        for map in views.configMaps.cache.all(label: ObjectLabels.route, value: "true") {
            if let deployment = map.live.deployment { notePort(of: deployment, map.metadata.key) }
        }
    }

    func notePort(of deployment: DeploymentKey, _ key: NamespacedName) {
        guard proxyPorts[deployment] == nil, key.name == ObjectNames.route(deployment),
            let port = ProxyRouter.route(in: views.configMaps.cache[key]?.detail.json)?.port
        else { return }
        proxyPorts[deployment] = port
    }

    private func forget(_ deployment: DeploymentKey) {
        proxyPorts[deployment] = nil
        contests[deployment] = nil
        additions[deployment] = nil
        disruptions.forget(deployment)
    }

    // MARK: - Deleting

    private func delete(_ deletion: Deletion) async throws {
        let id = deletion.object.id
        do {
            try await api.delete(id.type, id.key, uid: deletion.object.uid)
        } catch let error as APIError where error.isConflict {
            // A newer object with the same name: the caches will show it.
            return
        } catch let error as APIError {
            throw ClusterServingError(error, about: "\(id)")
        }
        ledger.forget(id)
    }

    /// Deletes the proxy together with the last route of its namespace.
    private func deleteUnusedProxy(after deployment: DeploymentKey) async throws {
        let found = sharedObjects(in: deployment.namespace).compactMap { Deletion(ofShared: $0) }
        guard !found.isEmpty, routes(in: deployment.namespace).allSatisfy({ $0 == deployment }) else { return }
        let own = proxyPorts[deployment].map { Set([$0]) } ?? []
        guard proxyPorts.taken(in: deployment.namespace).subtracting(own).isEmpty else { return }
        proxyPorts[deployment] = nil
        for deletion in found { try await delete(deletion) }
    }

    /// Objects of a proxy that former settings needed and the current ones do not.
    private func surplus(beside wanted: [WantedObject]) -> [Deletion] {
        guard let namespace = wanted.first?.key.namespace else { return [] }
        let kept = Set(wanted.map(\.id))
        return sharedObjects(in: namespace).filter { !kept.contains($0.id) && $0.id.type != .secrets }
            .compactMap { Deletion(ofShared: $0) }
    }

    private func sharedObjects(in namespace: String) -> [LiveObject] {
        let proxy = NamespacedName(namespace: namespace, name: ObjectNames.proxy)
        let key = NamespacedName(namespace: namespace, name: ObjectNames.proxyKey)
        return views.applied.compactMap { $0.live(proxy) } + [views.proxyKeys.live(key)].compactMap(\.self)
    }
}
