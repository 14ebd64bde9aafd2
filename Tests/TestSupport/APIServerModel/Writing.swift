import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// One write on its way into the store.
struct PendingWrite {
    var type: RegisteredType
    var key: NamespacedName
    var subresource: String?
    var manager: FieldManager.Identity
    var now: Date
    /// The object before the write; nil for a create.
    var live: StoredObject?
    /// Set by server-side apply; otherwise the difference determines who owns what.
    var ownership: FieldOwnership?
}

/// Create, replace and patch.
extension APIServerModel {
    static let largestRequestBytes = 3 * 1_024 * 1_024
    static let largestObjectBytes = 3 * 512 * 1_024

    mutating func create(_ request: ResourceRequest, body: Data?, now: Date) throws -> JSONValue {
        var new = try read(body, as: request.type)
        var name = new.value(at: "metadata", "name")?.text ?? ""
        if name.isEmpty, let prefix = new.value(at: "metadata", "generateName")?.text {
            lastUID += 1
            name = prefix + String(lastUID, radix: 36)
            new.set(.string(name), at: "metadata", "name")
        }
        guard new.value(at: "metadata", "resourceVersion")?.text ?? "" == "" else {
            throw Refusal(500, nil, "resourceVersion should not be set on objects to be created")
        }
        let write = try pendingWrite(request, NamespacedName(namespace: request.namespace, name: name), .update, now)
        try checkIdentity(new, write)
        if write.live != nil {
            try checkNamespace(write)
            throw Refusal.alreadyExists(request.type, name)
        }
        return try commit(write, new).answer
    }

    mutating func replace(_ request: ResourceRequest, body: Data?, now: Date) throws -> JSONValue {
        let new = try read(body, as: request.type)
        let write = try pendingWrite(request, request.key, .update, now)
        try checkIdentity(new, write)
        guard let live = write.live else { throw Refusal.notFound(request.type, write.key.name) }
        if request.type.requiresVersion, new.value(at: "metadata", "resourceVersion") == nil {
            throw Refusal.invalid(
                request.type, write.key.name, kind: request.type.resource.plural,
                [.invalid("metadata.resourceVersion", "0: must be specified for an update")])
        }
        if let uid = new.value(at: "metadata", "uid")?.text, uid != live.uid {
            throw Refusal.conflict(
                request.type, write.key.name,
                "Precondition failed: UID in precondition: \(uid), UID in object meta: \(live.uid)")
        }
        return try commit(write, new).answer
    }

    mutating func patch(_ request: ResourceRequest, _ sent: APIRequest, now: Date) throws -> (
        code: Int, object: JSONValue
    ) {
        switch sent.contentType {
        case "application/apply-patch+yaml": return try apply(request, body: sent.body, now: now)
        case "application/merge-patch+json":
            guard let patch = sent.body.flatMap({ JSONValue(data: $0) }) else {
                throw Refusal.badRequest("error decoding patch: invalid character")
            }
            let write = try pendingWrite(request, request.key, .update, now)
            guard let live = write.live else { throw Refusal.notFound(request.type, write.key.name) }
            if request.subresource == "scale" { return (200, try scale(live, patch, write)) }
            let new = live.json.merging(patch: patch)
            try checkIdentity(new, write)
            if let uid = new.value(at: "metadata", "uid")?.text, uid != live.uid {
                throw Refusal.invalid(
                    request.type, write.key.name, [.invalid("metadata.uid", "\"\(uid)\": field is immutable")])
            }
            return (200, try commit(write, new).answer)
        default:
            throw Refusal(
                415, "UnsupportedMediaType",
                "the body of the request was in an unknown format - accepted media types include: "
                    + "application/merge-patch+json, application/apply-patch+yaml")
        }
    }

    /// The subresource `scale` accepts only the number of replicas.
    private mutating func scale(_ live: StoredObject, _ patch: JSONValue, _ write: PendingWrite) throws -> JSONValue {
        guard let replicas = patch.value(at: "spec", "replicas")?.whole, replicas >= 0 else {
            throw Refusal.badRequest("spec.replicas: must be a number")
        }
        var new = live.json
        new.set(.integer(replicas), at: "spec", "replicas")
        let answer = try commit(write, new).answer
        return [
            "apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": answer[field: "metadata"] ?? .null,
            "spec": ["replicas": .integer(replicas)],
        ]
    }

    private mutating func apply(_ request: ResourceRequest, body: Data?, now: Date) throws -> (Int, JSONValue) {
        guard let name = request["fieldManager"], !name.isEmpty else { throw Refusal.missingFieldManager }
        var write = try pendingWrite(request, request.key, .apply, now)
        var config = try readApplied(body, as: request.type)
        try checkIdentity(config, write)
        if write.live == nil, request.subresource != nil { throw Refusal.notFound(request.type, write.key.name) }
        if write.live != nil { try checkVersion(config, write) }
        try checkDeclared(config, write)
        config.set(nil, at: "metadata", "resourceVersion")
        if request.type.hasStatus, request.subresource == nil { config[field: "status"] = nil }
        if request.subresource == "status" {
            config = [
                "apiVersion": config[field: "apiVersion"] ?? .null, "kind": config[field: "kind"] ?? .null,
                "metadata": ["name": .string(write.key.name)], "status": config[field: "status"] ?? .object([:]),
            ]
        }
        var ownership = write.live?.ownership ?? FieldOwnership()
        let merged = ownership.apply(
            config, to: write.live?.json, schema: request.type.schema, by: write.manager,
            force: request.isSet("force"), now: now)
        write.ownership = ownership
        switch merged {
        case .failure(let conflicts): throw Refusal.applyConflict(conflicts.conflicts)
        case .success(let object): return (write.live == nil ? 201 : 200, try commit(write, object).answer)
        }
    }

    private func pendingWrite(
        _ request: ResourceRequest, _ key: NamespacedName, _ operation: FieldManager.Operation, _ now: Date
    ) throws -> PendingWrite {
        PendingWrite(
            type: request.type, key: key, subresource: request.subresource,
            manager: FieldManager.Identity(
                name: request["fieldManager"] ?? "unknown", operation: operation,
                apiVersion: request.type.resource.apiVersion, subresource: request.subresource),
            now: now, live: store.object(request.type, key))
    }

    private func read(_ body: Data?, as type: RegisteredType) throws -> JSONValue {
        guard (body?.count ?? 0) <= Self.largestRequestBytes else { throw Refusal.tooLargeRequest }
        guard var value = body.flatMap({ JSONValue(data: $0) }), value.isObject else {
            throw Refusal.badRequest(
                "the object provided is unrecognized (must be of type \(type.resource.kind)): couldn't get version/kind; "
                    + "json parse error")
        }
        value.fill("apiVersion", .string(type.resource.apiVersion))
        value.fill("kind", .string(type.resource.kind))
        value.set(nil, at: "metadata", "managedFields")
        guard value[field: "apiVersion"]?.text == type.resource.apiVersion,
            value[field: "kind"]?.text == type.resource.kind
        else {
            throw Refusal.badRequest(
                "the API version in the data (\(value[field: "apiVersion"]?.text ?? "")) does not match the expected "
                    + "API version (\(type.resource.apiVersion))")
        }
        return value
    }

    private func readApplied(_ body: Data?, as type: RegisteredType) throws -> JSONValue {
        guard (body?.count ?? 0) <= Self.largestRequestBytes else { throw Refusal.tooLargeRequest }
        guard let value = body.flatMap({ JSONValue(data: $0) }), value.isObject else {
            throw Refusal.badRequest("error decoding YAML: yaml: did not find expected node content")
        }
        guard value[field: "apiVersion"]?.text == type.resource.apiVersion,
            value[field: "kind"]?.text == type.resource.kind
        else {
            let parts = (value[field: "apiVersion"]?.text ?? "/").split(
                separator: "/", omittingEmptySubsequences: false)
            let group = parts.count > 1 ? String(parts[0]) : ""
            throw Refusal.badRequest(
                "invalid object type: \(group)/\(parts.last ?? ""), Kind=\(value[field: "kind"]?.text ?? "")")
        }
        guard value.value(at: "metadata", "managedFields") == nil else {
            throw Refusal.badRequest("metadata.managedFields must be nil")
        }
        return value
    }

    /// Name and namespace in the body must match the path.
    private func checkIdentity(_ new: JSONValue, _ write: PendingWrite) throws {
        let name = new.value(at: "metadata", "name")?.text ?? ""
        if name != write.key.name, !name.isEmpty {
            throw Refusal.badRequest(
                "the name of the object (\(name)) does not match the name on the URL (\(write.key.name))")
        }
        if let namespace = new.value(at: "metadata", "namespace")?.text, namespace != write.key.namespace,
            write.type.resource.isNamespaced
        {
            throw Refusal.badRequest(
                "the namespace of the provided object does not match the namespace sent on the request")
        }
    }

    /// A resource version in the body makes a write a compare-and-swap.
    func checkVersion(_ new: JSONValue, _ write: PendingWrite) throws {
        guard let live = write.live, let version = new.value(at: "metadata", "resourceVersion")?.text, !version.isEmpty
        else { return }
        if version != live.json.value(at: "metadata", "resourceVersion")?.text {
            throw Refusal.modified(write.type, write.key.name)
        }
    }
}

extension Refusal {
    static let missingFieldManager = Refusal(
        422, "Invalid",
        "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
        details: [
            "group": "meta.k8s.io", "kind": "PatchOptions",
            "causes": [Cause.required("fieldManager", "is required for apply patch").json],
        ])
    static let tooLargeRequest = Refusal(
        413, "RequestEntityTooLarge", "Request entity too large: limit is \(APIServerModel.largestRequestBytes)")
}
