import Foundation
import KubernetesClient

/// A path without a handler: the server answers with a line of text instead of a `Status`.
struct UnknownGroup: Error {}

/// The resource that a path and its query name.
struct ResourceRequest {
    var type: RegisteredType
    var namespace: String?
    var name: String?
    var subresource: String?
    private var query: [String: String] = [:]

    /// - Throws: `Refusal` for an unknown type or an invalid path.
    init(_ request: APIRequest, types: [RegisteredType]) throws {
        let parts = request.path.split(separator: "/").map(String.init)
        var rest: ArraySlice<String>
        let group: String
        if parts.count >= 3, parts[0] == "api" {
            group = ""
            rest = parts[1...]
        } else if parts.count >= 4, parts[0] == "apis" {
            group = parts[1]
            rest = parts[2...]
        } else {
            throw UnknownGroup()
        }
        let version = rest.removeFirst()
        if rest.count > 2, rest.first == "namespaces", rest.dropFirst(2).first != "status",
            rest.dropFirst(2).first != "finalize"
        {
            namespace = rest.dropFirst().first
            rest = rest.dropFirst(2)
        }
        let plural = rest.removeFirst()
        name = rest.popFirst()
        subresource = rest.popFirst()
        guard types.contains(where: { $0.resource.group == group && $0.resource.version == version }) else {
            throw UnknownGroup()
        }
        guard let type = types.first(where: { $0.resource.names(group, version, plural) }) else {
            throw Refusal.unknownResource
        }
        self.type = type
        for parameter in request.query { query[parameter.name] = parameter.value }
        try checkPlace()
    }

    /// Namespaced objects need a namespace; only a list works across namespaces.
    private func checkPlace() throws {
        if type.resource.isNamespaced, namespace == nil, name != nil { throw Refusal.unknownResource }
        if !type.resource.isNamespaced, namespace != nil { throw Refusal.unknownResource }
        let isScale = subresource == "scale" && type.resource == .deployments
        let isLog = subresource == "log" && type.resource == .pods
        if let subresource, !isScale, !isLog, subresource != "status" || !type.hasStatus {
            throw Refusal.unknownResource
        }
    }

    subscript(parameter: String) -> String? { query[parameter] }

    func isSet(_ parameter: String) -> Bool { query[parameter] == "true" || query[parameter] == "1" }

    var key: NamespacedName { NamespacedName(namespace: namespace, name: name ?? "") }

    /// - Throws: a refusal if it is not a number.
    func resourceVersion() throws -> Int? {
        guard let text = query["resourceVersion"], !text.isEmpty else { return nil }
        guard let version = Int(text), version >= 0 else {
            let parsing = "strconv.ParseUint: parsing \"\(text)\": invalid syntax"
            throw Refusal.badRequest(
                "invalid resource version: resourceVersion: Invalid value: \"\(text)\": \(parsing)")
        }
        return version
    }
}

extension ResourceType {
    fileprivate func names(_ group: String, _ version: String, _ plural: String) -> Bool {
        self.group == group && self.version == version && self.plural == plural
    }
}
