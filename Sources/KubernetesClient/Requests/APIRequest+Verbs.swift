import Foundation

/// The API conventions' verbs, each built without I/O.
extension APIRequest {
    /// Which objects of a type a list or a watch is about.
    public struct Selection: Hashable, Sendable {
        /// Nil: all namespaces.
        public var namespace: String?
        /// `app=a,tier in (b,c)`; nil: all.
        public var labelSelector: String?
        public var fieldSelector: String?

        public init(namespace: String? = nil, labelSelector: String? = nil, fieldSelector: String? = nil) {
            self.namespace = namespace
            self.labelSelector = labelSelector
            self.fieldSelector = fieldSelector
        }

        fileprivate var parameters: [Parameter] {
            [
                labelSelector.map { Parameter("labelSelector", $0) },
                fieldSelector.map { Parameter("fieldSelector", $0) },
            ]
            .compactMap { $0 }
        }
    }

    public static func get(_ type: ResourceType, _ key: ObjectKey) -> APIRequest {
        APIRequest(.get, type.path(namespace: key.namespace, name: key.name))
    }

    /// - Parameters:
    ///   - limit: objects a page.
    ///   - continuing: where the page before said that this one begins.
    ///   - resourceVersion: nil asks for the most recent, `0` for whatever the server has in memory.
    public static func list(
        _ type: ResourceType, _ selection: Selection = Selection(), limit: Int? = nil, continuing: String? = nil,
        resourceVersion: String? = nil
    ) -> APIRequest {
        var query = selection.parameters
        if let limit { query.append(Parameter("limit", String(limit))) }
        if let continuing { query.append(Parameter("continue", continuing)) }
        if let resourceVersion, continuing == nil { query.append(Parameter("resourceVersion", resourceVersion)) }
        var request = APIRequest(.get, type.path(namespace: selection.namespace), query: query)
        request.answersWithList = true
        return request
    }

    /// Changes after `resourceVersion`, one JSON object a line, with bookmarks.
    /// - Parameters:
    ///   - timeout: after which the server ends the watch of its own accord.
    ///   - sendsInitialEvents: all objects that there are come first, then a bookmark says so (Kubernetes 1.32 and newer).
    public static func watch(
        _ type: ResourceType, _ selection: Selection = Selection(), resourceVersion: String?, timeout: Duration,
        sendsInitialEvents: Bool = false
    ) -> APIRequest {
        var query = selection.parameters
        query.append(Parameter("watch", "true"))
        query.append(Parameter("allowWatchBookmarks", "true"))
        if let resourceVersion { query.append(Parameter("resourceVersion", resourceVersion)) }
        if sendsInitialEvents {
            query.append(Parameter("sendInitialEvents", "true"))
            query.append(Parameter("resourceVersionMatch", "NotOlderThan"))
        }
        query.append(Parameter("timeoutSeconds", String(timeout.components.seconds)))
        return APIRequest(.get, type.path(namespace: selection.namespace), query: query)
    }

    /// Server-side apply.
    /// - Parameters:
    ///   - body: the fields that `fieldManager` wants to own, as JSON (which is YAML), `apiVersion` and `kind` included.
    ///   - force: takes fields over that somebody else owns; otherwise the answer is a 409 that names them.
    public static func apply(
        _ type: ResourceType, _ key: ObjectKey, body: Data, fieldManager: String, force: Bool, isDryRun: Bool = false,
        subresource: String? = nil
    ) -> APIRequest {
        var query = [Parameter("fieldManager", fieldManager), Parameter("force", force ? "true" : "false")]
        if isDryRun { query.append(Parameter("dryRun", "All")) }
        return APIRequest(
            .patch, type.path(namespace: key.namespace, name: key.name, subresource: subresource), query: query,
            contentType: "application/apply-patch+yaml", body: body)
    }

    public static func create(_ type: ResourceType, namespace: String?, body: Data, fieldManager: String) -> APIRequest
    {
        APIRequest(
            .post, type.path(namespace: namespace), query: [Parameter("fieldManager", fieldManager)],
            contentType: "application/json", body: body)
    }

    /// The whole object. Where `body` carries a `resourceVersion`, it is a compare-and-swap: 409 where it is not the
    /// newest.
    public static func replace(
        _ type: ResourceType, _ key: ObjectKey, body: Data, fieldManager: String, subresource: String? = nil
    ) -> APIRequest {
        APIRequest(
            .put, type.path(namespace: key.namespace, name: key.name, subresource: subresource),
            query: [Parameter("fieldManager", fieldManager)], contentType: "application/json", body: body)
    }

    /// A JSON merge patch (RFC 7386).
    public static func merge(
        _ type: ResourceType, _ key: ObjectKey, body: Data, fieldManager: String, subresource: String? = nil
    ) -> APIRequest {
        APIRequest(
            .patch, type.path(namespace: key.namespace, name: key.name, subresource: subresource),
            query: [Parameter("fieldManager", fieldManager)], contentType: "application/merge-patch+json", body: body)
    }

    /// - Parameters:
    ///   - uid: that very object, and no namesake that came after it.
    ///   - graceSeconds: that a pod has to end. Of one that is being ended already, it can be made shorter, never longer.
    public static func delete(
        _ type: ResourceType, _ key: ObjectKey, uid: String? = nil, propagation: DeletionPropagation = .background,
        graceSeconds: Int? = nil
    ) -> APIRequest {
        var options: [String: Any] = [
            "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation.rawValue,
        ]
        if let uid { options["preconditions"] = ["uid": uid] }
        if let graceSeconds { options["gracePeriodSeconds"] = graceSeconds }
        return APIRequest(
            .delete, type.path(namespace: key.namespace, name: key.name), contentType: "application/json",
            body: try? JSONSerialization.data(withJSONObject: options, options: [.sortedKeys]))
    }

    /// What becomes of the objects that a deleted one owns.
    public enum DeletionPropagation: String, Sendable {
        case background = "Background"
        case foreground = "Foreground"
        case orphan = "Orphan"
    }

    /// Only `metadata` of the objects. A watch answers with one object an event, a list with a list.
    public var metadataOnly: APIRequest {
        var request = self
        let kind = answersWithList ? "PartialObjectMetadataList" : "PartialObjectMetadata"
        request.accept = "application/json;as=\(kind);g=meta.k8s.io;v=v1"
        return request
    }

    /// Asking twice leaves the cluster as asking once does, whoever wrote in between.
    var isIdempotent: Bool {
        switch method {
        case .get, .delete: true
        case .patch: contentType == "application/apply-patch+yaml"
        case .post, .put: false
        }
    }
}
