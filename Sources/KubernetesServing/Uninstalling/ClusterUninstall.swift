import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// Takes what mlctl has made out of a cluster, with no controller running.
///
/// # Guarantees
/// - Nothing is deleted that does not carry mlctl's own labels; of a namesake that comes in between, nothing.
/// - It can be cut off at any point, and run again.
/// - What is left in the end is said, with why.
public struct ClusterUninstall: Sendable {
    public struct Options: Hashable, Sendable {
        /// The only one that is looked at; nil: all.
        public var namespace: String?
        /// What serves goes on; only ModelDeployments, records and leases go.
        public var keepsServing: Bool
        /// The definition of ModelDeployments goes too.
        public var removesDefinition: Bool
        /// The controller's Deployment; nil: those that the chart installed, by their label.
        public var controller: ObjectKey?
        /// A controller that runs is scaled to none.
        public var stopsController: Bool
        /// What controllers are called, and so their leases.
        public var lease: String

        public init(
            namespace: String? = nil, keepsServing: Bool = false, removesDefinition: Bool = false,
            controller: ObjectKey? = nil, stopsController: Bool = false, lease: String = "mlctl"
        ) {
            self.namespace = namespace
            self.keepsServing = keepsServing
            self.removesDefinition = removesDefinition
            self.controller = controller
            self.stopsController = stopsController
            self.lease = lease
        }
    }

    /// For a controller's end, and for what was deleted to be gone.
    public static let patience = Duration.seconds(120)
    static let look = Duration.milliseconds(500)
    static let controllerLabel = "app.kubernetes.io/name=mlctl-controller"
    /// Where the controller made its lease, and nobody said where it ran.
    static let defaultNamespace = "default"

    private static let types: [ResourceType] = [
        .modelDeployments, .jobs, .httpRoutes, .configMaps, .services, .deployments, .podDisruptionBudgets,
    ]
    /// What all of mlctl's of a type are called: rights to them go no further.
    private static let namedTypes: [(ResourceType, String)] = [
        (.networkPolicies, ObjectNames.proxy), (.roleBindings, ObjectNames.proxy), (.roles, ObjectNames.proxy),
        (.serviceAccounts, ObjectNames.proxy), (.secrets, ObjectNames.proxyKey),
    ]

    let api: KubernetesAPI
    let options: Options
    let say: @Sendable (String) -> Void

    /// - Parameter say: told what is done, one line at a time.
    public init(_ api: KubernetesAPI, _ options: Options, say: @escaping @Sendable (String) -> Void) {
        self.api = api
        self.options = options
        self.say = say
    }

    // MARK: - Looking

    /// - Throws: `ClusterServingError` where the cluster cannot be asked.
    public func steps() async throws -> UninstallSteps {
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
        let key = ObjectKey(name: "\(type.plural).\(type.group)")
        do {
            guard let head = try await api.head(.customResourceDefinitions, key) else { return nil }
            return InstalledObject(.customResourceDefinitions, head.metadata)
        } catch let error as APIError {
            throw ClusterServingError(error, about: "the definition \(key.name)")
        }
    }

    /// - Returns: none where the type is not installed.
    private func objects(_ type: ResourceType, _ selection: APIRequest.Selection) async throws -> [InstalledObject] {
        struct Page: Decodable {
            struct Item: Decodable { var metadata: ObjectMetadata }
            struct Metadata: Decodable { var `continue`: String? }
            var metadata: Metadata?
            /// The server writes none where there are none.
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

    // MARK: - Doing

    /// - Returns: what is left, and why; empty where nothing is.
    /// - Throws: `ClusterServingError` where a controller runs, or the cluster cannot be asked.
    public func run(_ steps: UninstallSteps) async throws -> [String] {
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
            // Records of other namespaces would be nobody's without it, unless their controller goes too.
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

    /// One object that is refused holds up no other.
    private func attempt(_ problems: inout [String], _ body: () async throws -> Void) async {
        do {
            try await body()
        } catch let error as APIError where error.isConflict {
            // A namesake that came in between. What is left is looked at in the end.
        } catch let error as APIError {
            problems.append(error.description)
        } catch {
            problems.append("\(error)")
        }
    }

    /// Without the finalizer nobody has to be there to let it go. What it may own is left to be deleted in its turn, or kept.
    private func release(_ deployment: InstalledObject) async throws {
        let others = deployment.finalizers.filter { $0 != RegisterWords.finalizer }
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
        let key = ObjectKey(namespace: namespace, name: options.lease)
        guard let head = try await api.head(.leases, key), head.writers.isWrittenByMlctl else { return }
        try await api.delete(.leases, key, uid: head.metadata.uid)
        say("deleted Lease \(key)")
    }

    private func deleteRecordKey(in namespace: String) async throws {
        let key = ObjectKey(namespace: namespace, name: ObjectNames.recordKey(of: options.lease))
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

    /// A controller that runs would make everything again.
    /// - Returns: where there are controllers.
    private func stopControllers() async throws -> [ObjectKey] {
        do {
            let controllers = try await controllers()
            let running = controllers.filter(\.isRunning).map(\.metadata.key)
            guard !running.isEmpty else { return controllers.map(\.metadata.key) }
            guard options.stopsController else {
                throw ClusterServingError(
                    .refused,
                    "a controller runs (\(running.map { "\($0)" }.joined(separator: ", "))) and would make everything again. "
                        + "Stop it first, or give --stop-controller.")
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

    // MARK: - In the end

    private func left(_ steps: UninstallSteps) async throws -> [String] {
        let start = ContinuousClock.now
        var left = try await self.steps()
        while !left.isEmpty, ContinuousClock.now - start < Self.patience {
            // What has come back is not waited for.
            let old = Set((steps.deployments + steps.deletions).map(\.uid))
            if (left.deployments + left.deletions).contains(where: { !old.contains($0.uid) }) { break }
            try await Task.sleep(for: Self.look)
            left = try await self.steps()
        }
        let old = Set((steps.deployments + steps.deletions).map(\.uid))
        return (left.deployments + left.deletions + [left.definition].compactMap(\.self)).map { object in
            if !old.contains(object.uid), object.id.type != .customResourceDefinitions {
                return "\(object.id) has been made again: a controller still runs. Stop it, and run this again."
            }
            return "\(object.id) is still there"
                + (object.finalizers.isEmpty
                    ? "."
                    : ": it waits for \(object.finalizers.joined(separator: ", ")), which others have to let go of.")
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
