import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// Get and list.
extension APIServerModel {
    func get(_ request: ResourceRequest) throws -> JSONValue {
        try checkVersion(request)
        guard let object = store.object(request.type, request.key) else {
            throw Refusal.notFound(request.type, request.key.name)
        }
        return object.answer
    }

    @discardableResult
    private func checkVersion(_ request: ResourceRequest) throws -> Int? {
        let version = try request.resourceVersion()
        if let version, version > store.revision {
            throw Refusal.tooLargeVersion(version, current: store.revision)
        }
        return version
    }

    func list(_ request: ResourceRequest) throws -> JSONValue {
        let selection = try Selection(labels: request["labelSelector"], fields: request["fieldSelector"])
        let limit = request["limit"].flatMap { Int($0) } ?? 0
        let page = try page(request, limit: limit)
        guard let objects = store.all(request.type, at: page.revision) else {
            throw Refusal.expiredPage(startingAfter: page.start)
        }
        let matching = objects.filter { object in
            (request.namespace == nil || object.key.namespace == request.namespace) && selection.matches(object)
                && object.key.order(in: request.namespace) > page.start
        }
        let items = limit > 0 ? Array(matching.prefix(limit)) : matching
        var metadata: JSONValue = ["resourceVersion": .string(String(page.revision))]
        if let last = items.last, items.count < matching.count {
            let token = ContinueToken(revision: page.revision, start: last.key.order(in: request.namespace))
            metadata[field: "continue"] = .string(token.encoded)
            // With a selector the server does not count the remaining items.
            if request["labelSelector"] == nil, request["fieldSelector"] == nil {
                metadata[field: "remainingItemCount"] = .integer(matching.count - items.count)
            }
        }
        return [
            "kind": .string(request.type.resource.kind + "List"),
            "apiVersion": .string(request.type.resource.apiVersion), "metadata": metadata,
            "items": .array(items.map { request.type.listed($0.answer) }),
        ]
    }

    private func page(_ request: ResourceRequest, limit: Int) throws -> (revision: Int, start: String) {
        guard let text = request["continue"], !text.isEmpty else {
            let version = try checkVersion(request)
            let isExact = request["resourceVersionMatch"] == "Exact"
            if isExact, let version { return (version, "") }
            return (store.revision, "")
        }
        guard request["resourceVersion"] == nil || request["resourceVersion"] == "" else {
            throw Refusal.badRequest("specifying resource version is not allowed when using continue")
        }
        guard let token = ContinueToken(encoded: text) else {
            throw Refusal.badRequest("invalid continue token: continue key is not valid: \(text)")
        }
        return (token.revision < 0 ? store.revision : token.revision, token.start)
    }
}

/// The start of the next page, and its revision.
struct ContinueToken {
    /// Negative: whatever is newest.
    var revision: Int
    /// The last key of the previous page.
    var start: String

    init(revision: Int, start: String) {
        self.revision = revision
        self.start = start
    }

    init?(encoded: String) {
        var text = encoded.replacing("-", with: "+").replacing("_", with: "/")
        while text.count % 4 != 0 { text += "=" }
        guard let value = Data(base64Encoded: text).flatMap({ JSONValue(data: $0) }),
            let revision = value[field: "rv"]?.whole, let start = value[field: "start"]?.text
        else { return nil }
        self.init(revision: revision, start: String(start.filter { $0 != "\0" }))
    }

    /// URL-safe base64 of the JSON that the server writes.
    var encoded: String {
        let value: JSONValue = ["v": "meta.k8s.io/v1", "rv": .integer(revision), "start": .string(start + "\0")]
        return value.data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
            .replacing("=", with: "")
    }
}

extension Refusal {
    static func expiredPage(startingAfter start: String) -> Refusal {
        var refusal = Refusal(
            410, "Expired",
            "The provided continue parameter is too old to display a consistent list result. You can start a new list "
                + "without the continue parameter, or use the continue token in this response to retrieve the remainder "
                + "of the results. Continuing with the provided token results in an inconsistent list - objects that "
                + "were created, modified, or deleted between the time the first chunk was returned and now may show "
                + "up in the list.")
        refusal.continuing = ContinueToken(revision: -1, start: start).encoded
        return refusal
    }
}

extension NamespacedName {
    /// Keys are compared in their stored form: within a namespace by name, across namespaces by both.
    fileprivate func order(in namespace: String?) -> String { namespace == nil ? order : name }
}

extension RegisteredType {
    /// The items of built-in lists do not name their type.
    fileprivate func listed(_ object: JSONValue) -> JSONValue {
        if isCustom { return object }
        var object = object
        object[field: "kind"] = nil
        object[field: "apiVersion"] = nil
        return object
    }
}
