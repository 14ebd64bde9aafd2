import Foundation
import KubernetesClient
import ModelManifests
import Serving

extension ClusterBackend {
    public func apply(_ plan: ServingPlan) async throws {
        let deployment = plan.deployment
        let router = Self.router(plan.target)
        if !plan.revisions.isEmpty, !router.needs.isEmpty { try await follow(router) }
        // Without knowing what there is, nothing can be said to be missing or too much.
        if let missing = unsynced(of: views.needed(by: router)) { throw missing }
        let owner = plan.revisions.isEmpty ? nil : try await self.owner(of: deployment)
        let kind = Self.kind(plan.target)
        let signing = await signing(plan, kind)
        let sharedKey = SharedKey(namespace: deployment.namespace, router: kind, proxyKey: signing.key)
        let rendering = PlanRendering(
            plan: plan, owner: owner, settings: settings, router: router,
            ready: ClusterObservation.ready(views.pods.all(of: deployment)),
            proxyPort: kind == .proxy ? try choosePort(plan) : nil, proxyKey: signing.key,
            knownShared: shared[sharedKey])
        let result = rendering.result()
        if !result.shared.isEmpty { shared[sharedKey] = result.shared }
        let order = ApplyOrder(
            result, deployment: deployment, live: views.live(of: deployment), replicas: replicas(of: deployment),
            keptNames: rendering.keptNames)
        plans[deployment] = plan.revisions.isEmpty ? nil : plan
        for object in order.before + order.routes + order.after { try await write(object, deployment, owner) }
        for deletion in order.deletions + surplus(beside: result.shared) { try await delete(deletion) }
        if !result.routes.contains(where: { $0.type == .configMaps }) { try await closeProxy(after: deployment) }
        if plan.revisions.isEmpty { forget(deployment) }
        if let failure = result.failures.first ?? signing.failure { throw failure }
    }

    /// The key that the namespace's proxies sign by. Without one all else is made true, and the proxies stay as they are.
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

    /// The first deployment with such a router waits until what it needs is read; without its definition that is said.
    private func follow(_ router: any ClusterRouter) async throws {
        views.want(router)
        try await waitUntilSynced(views.needed(by: router), timeout: Self.firstReading)
        for need in router.needs where views[need.type]?.failure?.isMissingResource == true {
            throw ClusterServingError(.missingDefinition, need.advice, retry: .waiting)
        }
    }

    private static let firstReading = Duration.seconds(5)

    private func owner(of deployment: DeploymentKey) async throws -> OwnerReference? {
        do {
            return try await owners.owner(of: deployment)
        } catch let error as APIError {
            throw ClusterServingError(error, about: "ModelDeployment \(deployment)")
        }
    }

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
                "the namespace \(deployment.namespace) has \(taken.count) routes: its proxies have no port left. "
                    + "Deploy to another namespace.", retry: .waiting)
        }
        proxyPorts[deployment] = port
        return port
    }

    /// Once, before the first port is chosen; later routes are noted as they come.
    private func readPorts() {
        guard !knowsPorts else { return }
        knowsPorts = true
        for map in views.configMaps.cache.all(label: ObjectLabels.route, value: "true") {
            if let deployment = map.live.deployment { notePort(of: deployment, map.metadata.key) }
        }
    }

    func notePort(of deployment: DeploymentKey, _ key: ObjectKey) {
        guard proxyPorts[deployment] == nil, key.name == ObjectNames.route(deployment),
            let port = ProxyRouter.route(in: views.configMaps.cache[key]?.detail.json)?.port
        else { return }
        proxyPorts[deployment] = port
    }

    private func forget(_ deployment: DeploymentKey) {
        proxyPorts[deployment] = nil
        contests[deployment] = nil
    }

    // MARK: - Writing

    private func write(_ object: WantedObject, _ deployment: DeploymentKey, _ owner: OwnerReference?) async throws {
        let live = views.live(object.id)
        if let live, !isOurs(live, deployment) {
            throw foreign(object.id, "it belongs to \(live.deployment.map { "\($0)" } ?? "another part of mlctl")")
        }
        let hash = object.hash
        let now = clock()
        let verdict = ledger.verdict(object.id, hash: hash, live: live, now: now) {
            FieldTree(applied: object.stamped).digest
        }
        note(contestOf: object.id, deployment, live, isHeld: verdict == .hold, now)
        guard case .write(let corrects) = verdict, underWay.insert(object.id).inserted else { return }
        defer { underWay.remove(object.id) }
        do {
            let answer = try await put(object, live: live, owner)
            ledger.note(
                object.id,
                WriteLedger.Written(
                    hash: hash, before: live?.resourceVersion, own: answer.writers.own, at: now),
                corrects: corrects)
        } catch let error as APIError {
            throw ClusterServingError(error, about: "\(object.id)")
        }
        if corrects {
            logger.notice(
                "Put right what somebody else had changed",
                metadata: [
                    "object": "\(object.id)", "writers": "\(live?.writers.others.joined(separator: ", ") ?? "deleted")",
                ])
        }
    }

    /// An object of the deployment, or one that its namespace shares.
    private func isOurs(_ live: LiveObject, _ deployment: DeploymentKey) -> Bool {
        live.deployment == deployment
            || live.deployment == nil && live.labels[ObjectLabels.component] == ObjectLabels.Component.proxy.rawValue
    }

    private func put(_ object: WantedObject, live: LiveObject?, _ owner: OwnerReference?) async throws -> ObjectHead {
        var body = object.stamped
        if let live, object.type == .deployments, let began = live.podTemplate,
            began != object.body["metadata"]?["annotations"]?[ObjectAnnotations.podTemplate]?.text,
            let template = try await podTemplate(of: object)
        {
            body = body.setting(["spec", "template"], to: template)
                .setting(["metadata", "annotations", ObjectAnnotations.podTemplate], to: .string(began))
        }
        if live == nil, Self.mergesSilently.contains(object.type) { try await checkNotForeign(object, owner) }
        do {
            return try await send(object, body, force: live != nil)
        } catch let error as APIError where error.isConflict && live == nil {
            // Something of that name is there, and caches do not show it: ours without its labels, or somebody else's.
            try await checkNotForeign(object, owner)
            return try await send(object, body, force: true)
        }
    }

    /// Types of which somebody else's object could take our fields without a conflict.
    private static let mergesSilently: Set<ResourceType> = [.configMaps, .serviceAccounts]

    private func send(_ object: WantedObject, _ body: JSONValue, force: Bool) async throws -> ObjectHead {
        let request = APIRequest.apply(
            object.type, object.key, body: body.jsonData, fieldManager: KubernetesAPI.fieldManager, force: force
        ).metadataOnlyObject
        return try ObjectHead.read(try await api.answer(to: request), of: request)
    }

    /// Pods of a revision never change: one that an older version rendered keeps its pod template as it is.
    private func podTemplate(of object: WantedObject) async throws -> JSONValue? {
        let answer = try await api.answer(to: .get(object.type, object.key))
        return try? JSONValue(parsing: answer)["spec"]?["template"]
    }

    private func checkNotForeign(_ object: WantedObject, _ owner: OwnerReference?) async throws {
        guard let found = try await api.head(object.type, object.key) else { return }
        let isOwned = owner.map { owner in found.metadata.ownerReferences.contains { $0.uid == owner.uid } } ?? false
        let carriesOurs = found.writers.own != nil && found.metadata.annotations[ObjectAnnotations.applied] != nil
        guard !isOwned, !carriesOurs else { return }
        throw foreign(
            object.id, "it was not made by mlctl, but by \(found.writers.others.first ?? "somebody else")")
    }

    private func foreign(_ id: ObjectID, _ reason: String) -> ClusterServingError {
        ClusterServingError(
            .foreignObject, "\(id) is there already, and \(reason). Rename the deployment, or delete that object.",
            retry: .waiting)
    }

    private func note(
        contestOf object: ObjectID, _ deployment: DeploymentKey, _ live: LiveObject?, isHeld: Bool, _ now: Duration
    ) {
        guard isHeld || ledger.isContested(object, now: now) else {
            contests[deployment]?[object] = nil
            return
        }
        contests[deployment, default: [:]][object] = CorrectionPace.warning(
            about: "\(object)", writers: live?.writers.others ?? [])
    }

    // MARK: - Deleting

    private func delete(_ deletion: Deletion) async throws {
        let id = deletion.object.id
        do {
            try await api.delete(id.type, id.key, uid: deletion.object.uid)
        } catch let error as APIError where error.isConflict {
            // A namesake that came later: the caches will tell.
            return
        } catch let error as APIError {
            throw ClusterServingError(error, about: "\(id)")
        }
        ledger.forget(id)
    }

    /// The last route of a namespace takes its proxy along.
    private func closeProxy(after deployment: DeploymentKey) async throws {
        let found = sharedObjects(in: deployment.namespace).compactMap { Deletion(ofShared: $0) }
        guard !found.isEmpty, routes(in: deployment.namespace).allSatisfy({ $0 == deployment }) else { return }
        let own = proxyPorts[deployment].map { Set([$0]) } ?? []
        guard proxyPorts.taken(in: deployment.namespace).subtracting(own).isEmpty else { return }
        proxyPorts[deployment] = nil
        for deletion in found { try await delete(deletion) }
    }

    /// What settings of before wanted of a proxy, and those of now do not.
    private func surplus(beside wanted: [WantedObject]) -> [Deletion] {
        guard let namespace = wanted.first?.key.namespace else { return [] }
        let kept = Set(wanted.map(\.id))
        return sharedObjects(in: namespace).filter { !kept.contains($0.id) && $0.id.type != .secrets }
            .compactMap { Deletion(ofShared: $0) }
    }

    private func sharedObjects(in namespace: String) -> [LiveObject] {
        let proxy = ObjectKey(namespace: namespace, name: ObjectNames.proxy)
        let key = ObjectKey(namespace: namespace, name: ObjectNames.proxyKey)
        return views.applied.compactMap { $0.live(proxy) } + [views.proxyKeys.live(key)].compactMap(\.self)
    }
}
