import Foundation
import JSON
import KubernetesClient
import ModelManifests
import TestSupport
import Testing

/// One case on one cluster, with a namespace of its own.
struct Trial: Sendable {
    /// A real cluster deletes namespaces and types with a delay.
    static let waitLimit: Duration = .seconds(60)
    private static let mostReplacements = 10

    let cluster: Cluster
    let namespace: String

    struct Answer: Sendable {
        var code: Int
        var body: JSONValue
        var text: String

        var reason: String? { body[field: "reason"]?.text }
        var message: String? { body[field: "message"]?.text }
        var metadata: JSONValue { body[field: "metadata"] ?? .object([:]) }
        var version: String { metadata[field: "resourceVersion"]?.text ?? "" }
        var generation: Int? { metadata[field: "generation"]?.whole }
        var uid: String { metadata[field: "uid"]?.text ?? "" }
        var causes: [JSONValue] { body.value(at: "details", "causes")?.items ?? [] }
        var causeFields: [String] { causes.compactMap { $0[field: "field"]?.text } }
        var items: [JSONValue] { body[field: "items"]?.items ?? [] }
        var names: [String] { items.compactMap { $0.value(at: "metadata", "name")?.text } }

        /// `manager/operation` → `fieldsV1`.
        var owners: [String: JSONValue] {
            var owners: [String: JSONValue] = [:]
            for entry in metadata[field: "managedFields"]?.items ?? [] {
                let name = "\(entry[field: "manager"]?.text ?? "")/\(entry[field: "operation"]?.text ?? "")"
                owners[name] = entry[field: "fieldsV1"]
            }
            return owners
        }
    }

    func send(_ request: APIRequest) async throws -> Answer {
        let response = try await cluster.transport.send(request, timeout: .seconds(20))
        return Answer(
            code: response.code, body: JSONValue(data: response.body) ?? .null,
            text: String(decoding: response.body, as: UTF8.self))
    }

    func key(_ type: ResourceType, _ name: String) -> NamespacedName {
        NamespacedName(namespace: type.isNamespaced ? namespace : nil, name: name)
    }

    func get(_ type: ResourceType, _ name: String) async throws -> Answer {
        try await send(.get(type, key(type, name)))
    }

    func create(_ type: ResourceType, _ name: String, _ fields: JSONValue = .object([:])) async throws -> Answer {
        try await send(
            .create(
                type, namespace: type.isNamespaced ? namespace : nil, body: object(type, name, fields).data,
                fieldManager: "creator"))
    }

    func apply(
        _ type: ResourceType, _ name: String, _ fields: JSONValue = .object([:]), by manager: String = "mlctl",
        force: Bool = false, isDryRun: Bool = false, subresource: String? = nil
    ) async throws -> Answer {
        try await send(
            .apply(
                type, key(type, name), body: object(type, name, fields).data, fieldManager: manager, force: force,
                isDryRun: isDryRun, subresource: subresource))
    }

    func replace(_ type: ResourceType, _ name: String, _ body: JSONValue, subresource: String? = nil) async throws
        -> Answer
    {
        try await send(
            .replace(type, key(type, name), body: body.data, fieldManager: "replacer", subresource: subresource))
    }

    /// Reads, changes and replaces; tries again a few times if somebody else wrote in between.
    func replacing(_ type: ResourceType, _ name: String, _ change: (inout JSONValue) -> Void) async throws -> Answer {
        var answer = try await get(type, name)
        for _ in 0..<Self.mostReplacements {
            var whole = try await get(type, name).body
            change(&whole)
            answer = try await replace(type, name, whole)
            if answer.code != 409 { break }
        }
        return answer
    }

    func merge(_ type: ResourceType, _ name: String, _ patch: JSONValue, subresource: String? = nil) async throws
        -> Answer
    {
        try await send(
            .merge(type, key(type, name), body: patch.data, fieldManager: "merger", subresource: subresource))
    }

    func delete(
        _ type: ResourceType, _ name: String, uid: String? = nil,
        propagation: APIRequest.DeletionPropagation = .background
    ) async throws -> Answer {
        try await send(.delete(type, key(type, name), uid: uid, propagation: propagation))
    }

    func list(
        _ type: ResourceType, labels: String? = nil, limit: Int? = nil, continuing: String? = nil,
        version: String? = nil
    ) async throws -> Answer {
        try await send(
            .list(
                type, .init(namespace: namespace, labelSelector: labels), limit: limit, continuing: continuing,
                resourceVersion: version))
    }

    /// The whole object: `fields` with type and name. It keeps a `metadata` in them.
    func object(_ type: ResourceType, _ name: String, _ fields: JSONValue) -> JSONValue {
        var object = fields
        object[field: "apiVersion"] = .string(type.apiVersion)
        object[field: "kind"] = .string(type.kind)
        object.set(.string(name), at: "metadata", "name")
        return object
    }

    /// The values of one field of a list's items.
    static func values(_ name: String, of list: JSONValue?) -> [JSONValue] {
        (list?.items ?? []).compactMap { $0[field: name] }
    }

    struct Event: Hashable, Sendable {
        var type: String
        var object: JSONValue
        var name: String { object.value(at: "metadata", "name")?.text ?? "" }
        var version: String { object.value(at: "metadata", "resourceVersion")?.text ?? "" }
        /// `ADDED a`.
        var summary: String { name.isEmpty ? type : "\(type) \(name)" }
        /// A controller manager adds certificates to every namespace, at any time.
        var isOfCluster: Bool { object[field: "kind"]?.text == "ConfigMap" && name.hasSuffix("-ca.crt") }
    }

    /// The first events of a watch; fewer if it ends, or if no more arrive for too long.
    func events(_ count: Int, of request: APIRequest) async throws -> [Event] {
        let lines = try await cluster.transport.lines(request, idleTimeout: Self.waitLimit)
        return try await withThrowingTaskGroup(of: [Event]?.self) { group in
            group.addTask {
                var events: [Event] = []
                for try await line in lines {
                    guard let value = JSONValue(data: line), let type = value[field: "type"]?.text else { continue }
                    let event = Event(type: type, object: value[field: "object"] ?? .null)
                    if event.isOfCluster { continue }
                    events.append(event)
                    if events.count == count { break }
                }
                return events
            }
            group.addTask {
                try await ContinuousClock().sleep(for: Self.waitLimit)
                return nil
            }
            defer { group.cancelAll() }
            var events: [Event]?
            while let result = try await group.next() {
                if let result {
                    events = result
                    break
                }
                group.cancelAll()
            }
            return events ?? []
        }
    }

    func watch(
        _ type: ResourceType, labels: String? = nil, after version: String?, sendsInitialEvents: Bool = false,
        timeout: Duration = .seconds(5)
    ) -> APIRequest {
        .watch(
            type, .init(namespace: namespace, labelSelector: labels), resourceVersion: version, timeout: timeout,
            sendsInitialEvents: sendsInitialEvents)
    }

    /// Repeats the request, while the cluster's controllers work, until the answer is right.
    func eventually(_ request: APIRequest, _ isRight: (Answer) -> Bool) async throws -> Answer {
        let start = ContinuousClock.now
        while true {
            let answer = try await send(request)
            if isRight(answer) || ContinuousClock.now - start > Self.waitLimit { return answer }
            await cluster.settle()
            if cluster.model == nil { try await ContinuousClock().sleep(for: .milliseconds(50)) }
        }
    }

    // MARK: A custom type for tests

    /// A type with an open spec, a list of conditions by type, and a status subresource.
    func withGadgets(_ body: (ResourceType) async throws -> Void) async throws {
        let group = "g\(namespace.hashed).conformance.mlctl.dev"
        let type = ResourceType(group: group, version: "v1", kind: "Gadget", plural: "gadgets")
        let name = "gadgets.\(group)"
        let made = try await create(.customResourceDefinitions, name, Self.definition(group))
        #expect(made.code == 201, "\(made.text)")
        let found = try await eventually(.list(type, .init(namespace: namespace))) { $0.code == 200 }
        #expect(found.code == 200, "\(found.text)")
        // A server that has just learned of a type may refuse its first writes.
        _ = try await eventually(
            .apply(
                type, key(type, "probe"), body: object(type, "probe", .object([:])).data, fieldManager: "probe",
                force: true)
        ) { $0.code < 300 }
        _ = try await delete(type, "probe")
        do {
            try await body(type)
        } catch {
            _ = try await delete(.customResourceDefinitions, name)
            throw error
        }
        _ = try await delete(.customResourceDefinitions, name)
    }

    private static func definition(_ group: String) -> JSONValue {
        let open: JSONValue = ["type": "object", "x-kubernetes-preserve-unknown-fields": true]
        let spec: JSONValue = [
            "type": "object", "x-kubernetes-preserve-unknown-fields": true,
            "properties": [
                "size": ["type": "integer", "minimum": 0], "colour": ["type": "string", "enum": ["red", "blue"]],
            ],
        ]
        var item = open
        item[field: "required"] = ["type"]
        item[field: "properties"] = ["type": ["type": "string"]]
        let conditions: JSONValue = [
            "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"], "items": item,
        ]
        var status = open
        status[field: "properties"] = ["conditions": conditions]
        let schema: JSONValue = ["type": "object", "properties": ["spec": spec, "status": status]]
        let version: JSONValue = [
            "name": "v1", "served": true, "storage": true, "subresources": ["status": .object([:])],
            "schema": ["openAPIV3Schema": schema],
        ]
        return [
            "spec": [
                "group": .string(group), "scope": "Namespaced", "versions": [version],
                "names": ["plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"],
            ]
        ]
    }
}

extension String {
    /// FNV-1a, for names that must differ.
    fileprivate var hashed: String {
        String(utf8.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }, radix: 36)
    }
}
