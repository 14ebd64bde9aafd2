import Foundation
import JSON
import KubernetesClient
import ModelManifests
import Serving

/// Writes one object.
extension ClusterBackend {
    func write(_ object: WantedObject, _ plan: ServingPlan) async throws {
        let deployment = plan.deployment
        let live = views.live(object.id)
        try claim(object, deployment, live)
        let hash = object.hash
        let now = clock()
        let verdict = ledger.verdict(object.id, hash: hash, live: live, now: now) {
            FieldTree(applied: object.stamped).digest
        }
        note(contestOf: object.id, deployment, live, isHeld: verdict == .hold, now)
        if verdict == .upToDate, let live { try await checkAdditions(to: object, live, plan) }
        guard case .write(let corrects) = verdict, underWay.insert(object.id).inserted else { return }
        defer { underWay.remove(object.id) }
        do {
            let answer = try await put(object, live: live)
            ledger.note(
                object.id,
                WriteLedger.Written(
                    hash: hash, before: live?.resourceVersion, after: answer.metadata.resourceVersion,
                    own: answer.writers.own, at: now),
                corrects: corrects)
        } catch let error as APIError {
            throw ClusterServingError(error, about: "\(object.id)")
        }
        if corrects {
            logger.notice(
                "Restored what somebody else had changed",
                metadata: [
                    "object": "\(object.id)", "writers": "\(live?.writers.others.joined(separator: ", ") ?? "deleted")",
                ])
        }
    }

    // MARK: - Whose it is

    /// Refuses a deployment whose objects would have the names of mlctl's own objects, before anything is created. Does the same
    /// for a new deployment if an object with one of its names belongs to another deployment.
    func checkNames(_ result: PlanRendering.Result, _ deployment: DeploymentKey, _ live: [LiveObject]) throws {
        for object in result.workloads + result.routes {
            if ObjectNames.reserved.contains(object.key.name) {
                throw ClusterServingError(
                    .foreignObject,
                    "\(object.id) would have the name of the namespace's proxies: '\(object.key.name)' is reserved for mlctl. "
                        + "Rename the ModelDeployment \(deployment).")
            }
            guard live.isEmpty else { continue }
            try claim(object, deployment, views.live(object.id))
        }
    }

    /// An object belongs to one deployment or to its namespace. No other deployment takes it.
    private func claim(_ object: WantedObject, _ deployment: DeploymentKey, _ live: LiveObject?) throws {
        if let live {
            guard !isOurs(live, object, deployment) else { return }
            throw foreign(object.id, "it belongs to \(live.deployment.map { "\($0)" } ?? "another part of mlctl")")
        }
        guard !object.isShared else { return }
        // If two deployments arrive at once, the caches show neither yet.
        if let holder = claims[object.id], holder != deployment {
            throw foreign(object.id, "it belongs to \(holder)")
        }
        claims[object.id] = deployment
    }

    private func isOurs(_ live: LiveObject, _ object: WantedObject, _ deployment: DeploymentKey) -> Bool {
        guard object.isShared else { return live.deployment == deployment }
        return live.deployment == nil
            && live.labels[ObjectLabels.component] == ObjectLabels.Component.proxy.rawValue
    }

    /// - Throws: `APIError`, `ClusterServingError`.
    private func checkNotForeign(_ object: WantedObject) async throws {
        guard let found = try await api.head(object.type, object.key) else { return }
        let label = found.metadata.labels[ObjectLabels.deployment]
        let wanted = object.body["metadata"]?["labels"]?[ObjectLabels.deployment]?.text
        guard label == nil || label == wanted else {
            throw foreign(object.id, "it belongs to \(found.metadata.namespace ?? "")/\(label ?? "")")
        }
        guard found.writers.own == nil || found.metadata.annotations[ObjectAnnotations.applied] == nil else { return }
        if let wanted,
            let owner = try await owners.owner(
                of: DeploymentKey(namespace: object.key.namespace ?? "default", name: wanted)),
            found.metadata.ownerReferences.contains(where: { $0.uid == owner.uid })
        {
            return
        }
        throw foreign(
            object.id, "it was not created by mlctl, but by \(found.writers.others.first ?? "somebody else")")
    }

    private func foreign(_ id: ObjectID, _ reason: String) -> ClusterServingError {
        ClusterServingError(
            .foreignObject, "\(id) exists already, and \(reason). Rename the deployment, or delete that object.")
    }

    // MARK: - Sending

    private func put(_ object: WantedObject, live: LiveObject?) async throws -> ObjectHead {
        var body = object.stamped
        if let live, object.type == .deployments, let began = live.podTemplate,
            began != object.body["metadata"]?["annotations"]?[ObjectAnnotations.podTemplate]?.text,
            let template = try await podTemplate(of: object)
        {
            body = body.setting(["spec", "template"], to: template)
                .setting(["metadata", "annotations", ObjectAnnotations.podTemplate], to: .string(began))
        }
        guard let initial = object.initialReplicas else { return try await send(object, body, live: live) }
        if live == nil {
            _ = try await send(object, body.setting(["spec", "replicas"], to: .integer(initial)), live: nil)
            try await handOver(initial, of: object, force: false)
        } else if live?.writers.ownsReplicas == true {
            let now = views.workloads.cache[object.key]?.detail.spec?.replicas ?? initial
            // A Deployment that was scaled to zero starts again with its initial number.
            try await handOver(now == 0 ? initial : now, of: object, force: now == 0)
        }
        return try await send(object, body, live: live, force: true)
    }

    private func send(
        _ object: WantedObject, _ body: JSONValue, live: LiveObject?, force: Bool = false
    ) async throws -> ObjectHead {
        if live == nil, !force, Self.mergesSilently.contains(object.type) { try await checkNotForeign(object) }
        do {
            return try await apply(object, body, force: force || live != nil)
        } catch let error as APIError where error.isConflict && live == nil {
            // An object with that name exists and the caches do not show it: ours without its labels, or somebody else's.
            try await checkNotForeign(object)
            return try await apply(object, body, force: true)
        }
    }

    /// Types for which an apply could write into somebody else's object without a conflict.
    private static let mergesSilently: Set<ResourceType> = [.configMaps, .serviceAccounts]

    private func apply(_ object: WantedObject, _ body: JSONValue, force: Bool) async throws -> ObjectHead {
        let request = APIRequest.apply(
            object.type, object.key, body: body.jsonData, fieldManager: KubernetesAPI.fieldManager, force: force
        ).metadataOnlyObject
        return try ObjectHead.read(try await api.answer(to: request), of: request)
    }

    /// Gives the number of replicas a field manager of its own, so that it stays when mlctl gives it up. An autoscaler takes over
    /// from that manager.
    private func handOver(_ replicas: Int, of object: WantedObject, force: Bool) async throws {
        let body: JSONValue = [
            "apiVersion": .string(object.type.apiVersion), "kind": .string(object.type.kind),
            "metadata": [
                "name": .string(object.key.name), "namespace": .string(object.key.namespace ?? "default"),
            ],
            "spec": ["replicas": .integer(replicas)],
        ]
        let request = APIRequest.apply(
            object.type, object.key, body: body.jsonData, fieldManager: ObjectWriters.replicasManager, force: force)
        do {
            _ = try await api.answer(to: request)
        } catch let error as APIError where error.isConflict {
            // An autoscaler scales it already: the number has an owner.
        }
    }

    /// The pods of a revision never change. If an older version rendered the pod template, the parts that this version applied
    /// stay. What others added to it remains theirs.
    private func podTemplate(of object: WantedObject) async throws -> JSONValue? {
        guard let found = try? JSONValue(parsing: try await api.answer(to: .get(object.type, object.key))),
            let template = found["spec"]?["template"]
        else { return nil }
        let managed = found["metadata"]?["managedFields"] ?? .array([])
        let entries = try? JSONDecoder().decode([ManagedFields].self, from: managed.jsonData)
        let own = entries?.first(where: \.isOwn)?.fieldsV1?.children["f:spec"]?.children["f:template"]
        return own?.extracted(from: template) ?? template
    }

    // MARK: - Who else writes

    private func note(
        contestOf object: ObjectID, _ deployment: DeploymentKey, _ live: LiveObject?, isHeld: Bool, _ now: Duration
    ) {
        // After the correction nothing names the writer any more, so remember it.
        if let scaler = live?.writers.scaler { scalers[object] = scaler }
        guard isHeld || ledger.isContested(object, now: now) else {
            contests[deployment]?[object] = nil
            scalers[object] = nil
            adders[object] = nil
            return
        }
        let others = (live?.writers.others ?? []).filter { $0 != Self.clusterManager }
        contests[deployment, default: [:]][object] =
            if let found = adders[object] {
                Self.contest(found, in: object)
            } else if let scaler = scalers[object], object.type == .deployments, object.key.name != ObjectNames.proxy {
                "\(scaler) keeps scaling \(object), and mlctl sets it back at growing intervals. Write "
                    + "`replicas: external` to hand the number over, or remove the autoscaler."
            } else {
                RewriteThrottle.warning(about: "\(object)", writers: others)
            }
    }

    /// It writes to every Deployment, because it numbers the revisions.
    private static let clusterManager = "kube-controller-manager"
}
