import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// Removes everything that mlctl created from a cluster. No controller may be running.
///
/// # Guarantees
/// - Deletes only objects with mlctl's own labels, and never a newer object with the same name.
/// - It can be interrupted at any point and run again.
/// - At the end it reports what is left, and why.
package struct ClusterUninstall: Sendable {
    package struct Options: Hashable, Sendable {
        /// The only namespace to look at; nil: all.
        package var namespace: String?
        /// Serving continues; only ModelDeployments, records and leases are deleted.
        package var keepsServing: Bool
        /// Deletes the definition of ModelDeployments too.
        package var removesDefinition: Bool
        /// The controller's Deployment; nil: those that the chart installed, found by their label.
        package var controller: NamespacedName?
        /// Scales a running controller to zero.
        package var stopsController: Bool
        /// The name of the controllers, and so of their leases.
        package var lease: String

        package init(
            namespace: String? = nil, keepsServing: Bool = false, removesDefinition: Bool = false,
            controller: NamespacedName? = nil, stopsController: Bool = false, lease: String = "mlctl"
        ) {
            self.namespace = namespace
            self.keepsServing = keepsServing
            self.removesDefinition = removesDefinition
            self.controller = controller
            self.stopsController = stopsController
            self.lease = lease
        }
    }

    /// How long to wait for the controller to end, and for deleted objects to disappear.
    package static let patience = Duration.seconds(120)
    static let look = Duration.milliseconds(500)
    static let controllerLabel = "app.kubernetes.io/name=mlctl-controller"
    /// The namespace of the lease if nobody said where the controller ran.
    static let defaultNamespace = "default"

    private static let types: [ResourceType] = [
        .modelDeployments, .jobs, .httpRoutes, .configMaps, .services, .deployments, .podDisruptionBudgets,
    ]
    /// Types that mlctl uses under one name only: rights to them are limited to that name.
    private static let namedTypes: [(ResourceType, String)] = [
        (.networkPolicies, ObjectNames.proxy), (.roleBindings, ObjectNames.proxy), (.roles, ObjectNames.proxy),
        (.serviceAccounts, ObjectNames.proxy), (.secrets, ObjectNames.proxyKey),
    ]

    let api: KubernetesAPI
    let options: Options
    let say: @Sendable (String) -> Void

    /// - Parameter say: gets one line for each action.
    package init(_ api: KubernetesAPI, _ options: Options, say: @escaping @Sendable (String) -> Void) {
        self.api = api
        self.options = options
        self.say = say
    }

    // MARK: - Finding objects

    /// - Throws: `ClusterServingError` if the cluster cannot be asked.
    package func steps() async throws -> UninstallSteps {
        UninstallSteps(
            try await found(), keepsServing: options.keepsServing, definition: try await definition())
    }

    private func found() async throws -> [InstalledObject] {
        var found: [InstalledObject] = []
        for type in Self.types {
            let selector = type == .modelDeployments ? nil : ObjectLabels.selector
            found += try await objects(type, .init(namespace: options.namespace, labelSelector: selector))
        }
        for (type, name) in Self.namedTypes {
            found += try await objects(
                type,
                .init(
                    namespace: options.namespace, labelSelector: ObjectLabels.selector,
                    fieldSelector: "metadata.name=\(name)"))
        }
        return found
    }

    private func definition() async throws -> InstalledObject? {
        guard options.removesDefinition else { return nil }
        let type = ResourceType.modelDeployments
        let key = NamespacedName(name: "\(type.plural).\(type.group)")
        do {
            guard let head = try await api.head(.customResourceDefinitions, key) else { return nil }
            return InstalledObject(.customResourceDefinitions, head.metadata)
        } catch let error as APIError {
            throw ClusterServingError(error, about: "the definition \(key.name)")
        }
    }

    /// - Returns: an empty list if the type is not installed.
    private func objects(_ type: ResourceType, _ selection: APIRequest.Selection) async throws -> [InstalledObject] {
        struct Page: Decodable {
            struct Item: Decodable { var metadata: ObjectMetadata }
            struct Metadata: Decodable { var `continue`: String? }
            var metadata: Metadata?
            /// The server leaves the field out if there are none.
            var items: [Item]?
        }
        var found: [InstalledObject] = []
        var next: String?
        do {
            repeat {
                let request = APIRequest.list(type, selection, limit: KubernetesAPI.pageSize, continuing: next)
                let page = try JSONDecoder().decode(Page.self, from: try await api.answer(to: request.metadataOnly))
                found += (page.items ?? []).map { InstalledObject(type, $0.metadata) }
                next = page.metadata?.continue.flatMap { $0.isEmpty ? nil : $0 }
            } while next != nil
        } catch let error as APIError where error.isNotFound {
            return []
        } catch let error as APIError {
            throw ClusterServingError(error, about: "\(type.plural) cannot be listed")
        }
        return found
    }

    // MARK: - Deleting

    /// - Returns: what is left, and why; empty if nothing is.
    /// - Throws: `ClusterServingError` if a controller runs, or the cluster cannot be asked.
    package func run(_ steps: UninstallSteps) async throws -> [String] {
        let controllers = try await stopControllers()
        var problems: [String] = []
        for deployment in steps.deployments { await attempt(&problems) { try await release(deployment) } }
        for object in steps.deletions {
            await attempt(&problems) {
                try await api.delete(object.id.type, object.id.key, uid: object.uid)
                say("deleted \(object.id)")
            }
        }
        for namespace in Set(controllers.compactMap(\.namespace) + [options.namespace ?? Self.defaultNamespace])
            .sorted()
        {
            await attempt(&problems) { try await deleteLease(in: namespace) }
            // Without the key, records in other namespaces could not be verified, unless their controller is removed too.
            if options.namespace == nil || options.controller != nil {
                await attempt(&problems) { try await deleteRecordKey(in: namespace) }
            }
        }
        if let definition = steps.definition {
            await attempt(&problems) {
                try await api.delete(.customResourceDefinitions, definition.id.key, uid: definition.uid)
                say("deleted the definition \(definition.id.key.name)")
            }
        }
        return try await problems + left(steps)
    }

    /// One refused object does not stop the others.
    private func attempt(_ problems: inout [String], _ body: () async throws -> Void) async {
        do {
            try await body()
        } catch let error as APIError where error.isConflict {
            // A newer object with the same name. What is left is checked at the end.
        } catch let error as APIError {
            problems.append(error.description)
        } catch {
            problems.append("\(error)")
        }
    }

    /// Without the finalizer no controller is needed for the deletion. What the object owns is orphaned: it is deleted in its
    /// turn, or kept.
    private func release(_ deployment: InstalledObject) async throws {
        let others = deployment.finalizers.filter { $0 != RegisterMetadata.finalizer }
        if others.count < deployment.finalizers.count {
            let patch: JSONValue = [
                "metadata": ["uid": .string(deployment.uid), "finalizers": .array(others.map(JSONValue.string))]
            ]
            try await api.merge(deployment.id.type, deployment.id.key, body: patch.jsonData)
        }
        try await api.delete(deployment.id.type, deployment.id.key, uid: deployment.uid, propagation: .orphan)
        say("deleted \(deployment.id)")
    }

    private func deleteLease(in namespace: String) async throws {
        let key = NamespacedName(namespace: namespace, name: options.lease)
        guard let head = try await api.head(.leases, key), head.writers.isWrittenByMlctl else { return }
        try await api.delete(.leases, key, uid: head.metadata.uid)
        say("deleted Lease \(key)")
    }

    private func deleteRecordKey(in namespace: String) async throws {
        let key = NamespacedName(namespace: namespace, name: ObjectNames.recordKey(of: options.lease))
        guard let head = try await api.head(.secrets, key), InstalledObject(.secrets, head.metadata).isOwn else {
            return
        }
        try await api.delete(.secrets, key, uid: head.metadata.uid)
        say("deleted Secret \(key)")
    }

    // MARK: - The controller

    private struct ControllerDeployment: KubernetesObject {
        struct Spec: Decodable { var replicas: Int? }
        struct Status: Decodable { var replicas: Int? }
        static let resource = ResourceType.deployments
        var metadata: ObjectMetadata
        var spec: Spec?
        var status: Status?

        var isRunning: Bool { spec?.replicas ?? 1 > 0 || status?.replicas ?? 0 > 0 }
    }

    /// A running controller would create everything again.
    /// - Returns: the controllers' Deployments.
    private func stopControllers() async throws -> [NamespacedName] {
        do {
            let controllers = try await controllers()
            let running = controllers.filter(\.isRunning).map(\.metadata.key)
            guard !running.isEmpty else { return controllers.map(\.metadata.key) }
            guard options.stopsController else {
                throw ClusterServingError(
                    .refused,
                    "a controller runs (\(running.map { "\($0)" }.joined(separator: ", "))) and would create everything again. "
                        + "Stop it first, or pass --stop-controller.")
            }
            for key in running {
                try await api.merge(.deployments, key, body: JSONValue.object(["spec": ["replicas": 0]]).jsonData)
                say("stopping the controller \(key)")
            }
            let start = ContinuousClock.now
            while try await self.controllers().contains(where: \.isRunning) {
                guard ContinuousClock.now - start < Self.patience else {
                    throw ClusterServingError(
                        .refused, "the controller has not ended within \(Self.patience): see its pods.")
                }
                try await Task.sleep(for: Self.look)
            }
            return controllers.map(\.metadata.key)
        } catch let error as APIError {
            throw ClusterServingError(error, about: "the controller's Deployment")
        }
    }

    private func controllers() async throws -> [ControllerDeployment] {
        if let key = options.controller {
            return [try await api.get(ControllerDeployment.self, key)].compactMap(\.self)
        }
        return try await api.list(
            ControllerDeployment.self, .init(labelSelector: Self.controllerLabel)
        ).items
    }

    // MARK: - Reporting what is left

    private func left(_ steps: UninstallSteps) async throws -> [String] {
        let start = ContinuousClock.now
        var left = try await self.steps()
        while !left.isEmpty, ContinuousClock.now - start < Self.patience {
            // Do not wait for objects that were created again.
            let old = Set((steps.deployments + steps.deletions).map(\.uid))
            if (left.deployments + left.deletions).contains(where: { !old.contains($0.uid) }) { break }
            try await Task.sleep(for: Self.look)
            left = try await self.steps()
        }
        let old = Set((steps.deployments + steps.deletions).map(\.uid))
        return (left.deployments + left.deletions + [left.definition].compactMap(\.self)).map { object in
            if !old.contains(object.uid), object.id.type != .customResourceDefinitions {
                return "\(object.id) was created again: a controller still runs. Stop it, and run this again."
            }
            return "\(object.id) is still there"
                + (object.finalizers.isEmpty
                    ? "."
                    : ": its finalizers must be removed by their owners: \(object.finalizers.joined(separator: ", "))")
        }
    }
}

extension InstalledObject {
    init(_ type: ResourceType, _ metadata: ObjectMetadata) {
        self.init(
            id: ObjectID(type: type, key: metadata.key), uid: metadata.uid ?? "", finalizers: metadata.finalizers,
            labels: metadata.labels)
    }
}
