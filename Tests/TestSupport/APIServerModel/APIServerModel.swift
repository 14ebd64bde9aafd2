import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// A model of the Kubernetes API server and of the cluster's controllers, as a value: it takes a request and the time, and
/// returns an answer. `KubernetesConformanceTests` compare it with a real server.
///
/// Models: one revision over all objects; get, paged and past lists, watches with bookmarks and compaction; create,
/// replace, merge patch, server-side apply with field ownership, delete with preconditions, propagation and finalizers;
/// status subresources and generations; namespaces and custom types; garbage collection and a small set of controllers. The
/// test runs each of their steps (`collectGarbage`, `runControllers`).
///
/// Does not model: authentication and RBAC (only refusals on demand), JSON and strategic merge patches, conversion between
/// versions, subresources other than `status` and `log`, field selectors of most types, `managedFields` sent by clients, quantities
/// in their normal form, most defaults and most validation of built-in types (fields unknown to them are stored, not
/// refused or dropped), CEL and defaults of custom types, ReplicaSets (pods belong to their Deployment), rolling updates
/// pod by pod, schedulers beyond a count of GPUs, and the delays between the server's parts.
package struct APIServerModel: Sendable {
    package struct Settings: Sendable {
        /// The number of changes that are kept; older resource versions are answered with 410.
        package var historyLimit = 10_000
        /// Whether watches may begin with the existing objects (Kubernetes 1.32 and newer, etcd 3.4.25 and newer).
        package var servesInitialEvents = true
        /// Steps of `runControllers` from a pod's creation to its readiness.
        package var stepsUntilReady = 2
        /// Steps of `runControllers` from a pod's deletion to its end.
        package var stepsUntilGone = 1
        /// The `nvidia.com/gpu` of the whole cluster; nil: unlimited.
        package var gpuCount: Int?
        /// One address for all pods; nil: each pod has its own.
        package var podAddress: String?
        /// How pods that are never restarted end, by their image; other pods run for ever.
        package var ends: [String: ScriptedEnd] = [:]
        /// False: pods are scheduled, but something else runs them (`Kubelet`).
        package var runsPods = true

        package init() {}
    }

    package var settings: Settings
    package var refusals = Refusals()
    var store: ObjectStore
    var types = RegisteredType.builtIn
    var lastUID = 0
    /// The number of steps of each pod, by UID.
    var podSteps: [String: Int] = [:]
    /// The UIDs of Jobs whose pod was created.
    var madePods: Set<String> = []
    /// The output of pods, by UID.
    var podLogs: [String: String] = [:]
    /// Why the last pod of a Deployment was refused, by the Deployment's UID.
    var failedCreations: [String: String] = [:]

    /// - Parameter namespaces: namespaces that exist from the start, besides `default`.
    package init(namespaces: [String] = [], now: Date, settings: Settings = Settings()) {
        self.settings = settings
        store = ObjectStore(historyLimit: settings.historyLimit)
        for name in ["default"] + namespaces {
            let body: JSONValue = ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(name)]]
            _ = handle(.create(.namespaces, namespace: nil, body: body.data, fieldManager: "kube-apiserver"), now: now)
        }
    }

    /// The newest revision: every write that changes something increases it by one.
    package var revision: Int { store.revision }

    /// Drops the history: earlier resource versions are too old to watch or to page from.
    package mutating func compact() { store.compact() }

    /// Increases the revision, as writes to other objects do, so that a bookmark has something to report.
    package mutating func advanceRevision() { store.skipRevision() }

    /// Answers every request except a watch.
    package mutating func handle(_ request: APIRequest, now: Date) -> APIResponse {
        do {
            if let answer = probe(request) { return answer }
            let asked = try ResourceRequest(request, types: types)
            let creates = request.method == .patch && asked.name != nil && store.object(asked.type, asked.key) == nil
            try refusals.checkPermission(request.method, asked, creates: creates)
            if let log = try log(request, asked) { return log }
            var answer: (code: Int, object: JSONValue)
            if asked["dryRun"] == "All" {
                var copy = self
                answer = try copy.answer(request, asked, now: now)
                let found = store.object(asked.type, asked.key)?.json.value(at: "metadata", "resourceVersion")
                answer.object.set(found, at: "metadata", "resourceVersion")
            } else {
                answer = try self.answer(request, asked, now: now)
            }
            let object = request.wantsMetadataOnly ? answer.object.metadataOnly : answer.object
            return APIResponse(code: answer.code, body: object.data)
        } catch let refusal as Refusal {
            return refusal.response
        } catch is UnknownGroup {
            return APIResponse(code: 404, body: Data("404 page not found\n".utf8))
        } catch {
            return Refusal(500, "InternalError", "\(error)").response
        }
    }

    private mutating func answer(_ request: APIRequest, _ asked: ResourceRequest, now: Date) throws
        -> (code: Int, object: JSONValue)
    {
        switch request.method {
        case .get: (200, asked.name == nil ? try list(asked) : try get(asked))
        case .post: (201, try create(asked, body: request.body, now: now))
        case .put: (200, try replace(asked, body: request.body, now: now))
        case .patch: try patch(asked, request, now: now)
        case .delete: (200, try delete(asked, body: request.body, now: now))
        }
    }

    /// Health and version, which belong to no type.
    private func probe(_ request: APIRequest) -> APIResponse? {
        switch request.path {
        case "/healthz", "/livez", "/readyz": APIResponse(code: 200, body: Data("ok".utf8))
        case "/version":
            APIResponse(code: 200, body: (["major": "1", "minor": "36", "gitVersion": "v1.36.0"] as JSONValue).data)
        default: nil
        }
    }

    /// The object as the server answers it; nil if it does not exist.
    package func object(_ type: ResourceType, _ key: NamespacedName) -> JSONValue? {
        registered(type).flatMap { store.object($0, key)?.answer }
    }

    /// All objects of a type, in the order of their keys.
    package func objects(_ type: ResourceType) -> [JSONValue] {
        registered(type).map { store.all($0).map(\.answer) } ?? []
    }

    func registered(_ type: ResourceType) -> RegisteredType? {
        types.first { $0.resource.group == type.group && $0.resource.plural == type.plural }
    }
}

extension APIRequest {
    var wantsMetadataOnly: Bool { accept.contains("as=PartialObjectMetadata") }
}

extension JSONValue {
    /// `PartialObjectMetadata`, or a list of it.
    var metadataOnly: JSONValue {
        if self[field: "kind"] == "Status" { return self }
        let items = self[field: "items"]
        var partial: JSONValue = [
            "kind": items == nil ? "PartialObjectMetadata" : "PartialObjectMetadataList",
            "apiVersion": "meta.k8s.io/v1", "metadata": self[field: "metadata"] ?? .object([:]),
        ]
        if let items {
            partial[field: "items"] = .array(items.items.map { ["metadata": $0[field: "metadata"] ?? .object([:])] })
        }
        return partial
    }
}
