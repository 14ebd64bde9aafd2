import Foundation

/// The verbs of the API conventions. Each builds a request without I/O.
extension APIRequest {
    /// Which objects of a type a list or a watch covers.
    package struct Selection: Hashable, Sendable {
        /// Nil: all namespaces.
        package var namespace: String?
        /// `app=a,tier in (b,c)`; nil: all.
        package var labelSelector: String?
        package var fieldSelector: String?

        package init(namespace: String? = nil, labelSelector: String? = nil, fieldSelector: String? = nil) {
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

    package static func get(_ type: ResourceType, _ key: NamespacedName) -> APIRequest {
        APIRequest(.get, type.path(namespace: key.namespace, name: key.name))
    }

    /// - Parameters:
    ///   - limit: objects in one page.
    ///   - continuing: the token that the page before gave for this one.
    ///   - resourceVersion: nil asks for the most recent state, `0` for whatever the server has in memory.
    package static func list(
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

    /// Changes after `resourceVersion`, one JSON object in each line, with bookmarks.
    /// - Parameters:
    ///   - timeout: the time after which the server ends the watch.
    ///   - sendsInitialEvents: all existing objects come first, then a bookmark that marks their end (Kubernetes 1.32 and newer).
    package static func watch(
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
    ///   - body: the fields that `fieldManager` wants to own, as JSON (which is YAML), with `apiVersion` and `kind`.
    ///   - force: takes over fields that another manager owns; without it the answer is a 409 that names them.
    package static func apply(
        _ type: ResourceType, _ key: NamespacedName, body: Data, fieldManager: String, force: Bool,
        isDryRun: Bool = false,
        subresource: String? = nil
    ) -> APIRequest {
        var query = [Parameter("fieldManager", fieldManager), Parameter("force", force ? "true" : "false")]
        if isDryRun { query.append(Parameter("dryRun", "All")) }
        return APIRequest(
            .patch, type.path(namespace: key.namespace, name: key.name, subresource: subresource), query: query,
            contentType: "application/apply-patch+yaml", body: body)
    }

    package static func create(_ type: ResourceType, namespace: String?, body: Data, fieldManager: String) -> APIRequest
    {
        APIRequest(
            .post, type.path(namespace: namespace), query: [Parameter("fieldManager", fieldManager)],
            contentType: "application/json", body: body)
    }

    /// Replaces the whole object. A compare-and-swap if `body` has a `resourceVersion`: 409 if it is not the newest.
    package static func replace(
        _ type: ResourceType, _ key: NamespacedName, body: Data, fieldManager: String, subresource: String? = nil
    ) -> APIRequest {
        APIRequest(
            .put, type.path(namespace: key.namespace, name: key.name, subresource: subresource),
            query: [Parameter("fieldManager", fieldManager)], contentType: "application/json", body: body)
    }

    /// A JSON merge patch (RFC 7386).
    package static func merge(
        _ type: ResourceType, _ key: NamespacedName, body: Data, fieldManager: String, subresource: String? = nil
    ) -> APIRequest {
        APIRequest(
            .patch, type.path(namespace: key.namespace, name: key.name, subresource: subresource),
            query: [Parameter("fieldManager", fieldManager)], contentType: "application/merge-patch+json", body: body)
    }

    /// - Parameters:
    ///   - uid: deletes only the object with this UID, not a newer one with the same name.
    ///   - graceSeconds: the time that a pod has to end. It can shorten the time of a pod that is ending already, never extend
    ///     it.
    package static func delete(
        _ type: ResourceType, _ key: NamespacedName, uid: String? = nil, propagation: DeletionPropagation = .background,
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

    /// What happens to the objects that a deleted object owns.
    package enum DeletionPropagation: String, Sendable {
        case background = "Background"
        case foreground = "Foreground"
        case orphan = "Orphan"
    }

    /// Asks only for the `metadata` of the objects. A watch answers with one object in each event, a list with a list.
    package var metadataOnly: APIRequest {
        var request = self
        let kind = answersWithList ? "PartialObjectMetadataList" : "PartialObjectMetadata"
        request.accept = "application/json;as=\(kind);g=meta.k8s.io;v=v1"
        return request
    }

    /// Sending the request twice has the same effect as once, even if another writer changes the object in between.
    var isIdempotent: Bool {
        switch method {
        case .get, .delete: true
        case .patch: contentType == "application/apply-patch+yaml"
        case .post, .put: false
        }
    }
}

extension KubernetesAPI {
    /// Creates an object under its name unless a different one exists. It uses apply, because RBAC can limit apply to a name, but
    /// not a plain create.
    ///
    /// A server-side apply without force, with a field manager of its own: if two create the object at once, the second gets a
    /// conflict.
    /// - Throws: `APIError`; `isConflict` if the object exists with other values.
    package func make(_ type: ResourceType, _ key: NamespacedName, body: Data) async throws {
        let manager = "\(Self.fieldManager)-\(UUID().uuidString.lowercased())"
        _ = try await answer(to: .apply(type, key, body: body, fieldManager: manager, force: false))
    }
}
