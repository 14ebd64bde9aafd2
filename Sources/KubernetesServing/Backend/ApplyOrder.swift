import KubernetesClient
import ModelManifests

/// The order in which a plan's objects are written, and which objects are deleted. Pure.
///
/// Pods exist before traffic goes to them, and traffic leaves before its pods do.
struct ApplyOrder: Sendable {
    /// Before the routes: objects that are new, or grow.
    var before: [WantedObject] = []
    var routes: [WantedObject] = []
    /// After the routes: Deployments that get smaller.
    var after: [WantedObject] = []
    var deletions: [Deletion] = []

    /// - Parameters:
    /// - live: all objects of the deployment.
    /// - replicas: the replicas that the Deployments have now.
    /// - keptNames: names of the wanted revisions, whether they can be rendered or not.
    init(
        _ result: PlanRendering.Result, deployment: DeploymentKey, live: [LiveObject], replicas: [ObjectID: Int],
        keptNames: Set<String>
    ) {
        for object in result.shared + result.workloads {
            // An external autoscaler owns the number: the body then has none.
            let wanted = object.body["spec"]?["replicas"]?.whole
            if object.type == .deployments, let wanted, let has = replicas[object.id], wanted < has {
                after.append(object)
            } else {
                before.append(object)
            }
        }
        routes = result.routes
        let wanted = Set(result.all.map(\.id))
        let rendered = Set(result.workloads.map(\.key.name))
        deletions = live.filter { object in
            !wanted.contains(object.id)
                && (!keptNames.contains(object.id.key.name) || rendered.contains(object.id.key.name))
        }
        .compactMap { Deletion(of: $0, in: deployment) }
        .sorted { ($0.rank, $0.object.id.key.name) < ($1.rank, $1.object.id.key.name) }
    }
}

/// The permission to delete one object. It cannot be created for an object that somebody else owns. Its UID excludes a later
/// object with the same name.
struct Deletion: Hashable, Sendable {
    let object: LiveObject

    /// - Returns: nil unless the object has mlctl's labels for this deployment and no other controller owns it.
    init?(of object: LiveObject, in deployment: DeploymentKey) {
        guard !object.uid.isEmpty, !object.isBeingDeleted, object.deployment == deployment,
            Self.isControlled(object, by: deployment.name)
        else { return nil }
        self.object = object
    }

    /// Permission to delete an object of a namespace's proxy, which belongs to no single deployment.
    init?(ofShared object: LiveObject) {
        let name = object.id.type == .secrets ? ObjectNames.proxyKey : ObjectNames.proxy
        guard !object.uid.isEmpty, !object.isBeingDeleted, object.isManaged, object.owners.isEmpty,
            object.id.key.name == name,
            object.labels[ObjectLabels.component] == ObjectLabels.Component.proxy.rawValue
        else { return nil }
        self.object = object
    }

    private static func isControlled(_ object: LiveObject, by name: String) -> Bool {
        object.owners.allSatisfy { owner in
            owner.controller != true || (owner.kind == ResourceType.modelDeployments.kind && owner.name == name)
        }
    }

    /// Objects that route traffic go first, pods last.
    fileprivate var rank: Int {
        switch object.id.type {
        case .deployments: 2
        case .podDisruptionBudgets: 3
        case .services: object.labels[ObjectLabels.revision] == nil ? 0 : 3
        default: 0
        }
    }
}
