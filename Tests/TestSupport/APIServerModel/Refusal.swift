import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// An error answer: a `Status` object with the real server's text.
struct Refusal: Error, Hashable {
    var code: Int
    var reason: String?
    var message: String
    var details: JSONValue?
    var continuing: String?
    var retryAfterSeconds: Int?

    init(_ code: Int, _ reason: String?, _ message: String, details: JSONValue? = nil) {
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
    }

    var status: JSONValue {
        var status: JSONValue = [
            "kind": "Status", "apiVersion": "v1", "metadata": .object([:]), "status": "Failure",
            "message": .string(message), "code": .integer(code),
        ]
        status[field: "reason"] = reason.map { .string($0) }
        status[field: "details"] = details
        if let continuing { status.set(.string(continuing), at: "metadata", "continue") }
        if let retryAfterSeconds { status.set(.integer(retryAfterSeconds), at: "details", "retryAfterSeconds") }
        return status
    }

    var response: APIResponse {
        APIResponse(code: code, body: status.data, retryAfterSeconds: retryAfterSeconds)
    }

    /// One wrong field, and what is wrong with it.
    struct Cause: Hashable {
        var reason: String
        var message: String
        var field: String

        static func invalid(_ field: String, _ message: String) -> Cause {
            Cause(reason: "FieldValueInvalid", message: "Invalid value: \(message)", field: field)
        }
        static func required(_ field: String, _ message: String = "") -> Cause {
            Cause(
                reason: "FieldValueRequired", message: "Required value" + (message.isEmpty ? "" : ": \(message)"),
                field: field)
        }
        static func forbidden(_ field: String, _ message: String) -> Cause {
            Cause(reason: "FieldValueForbidden", message: "Forbidden: \(message)", field: field)
        }

        var json: JSONValue {
            ["reason": .string(reason), "message": .string(message), "field": .string(field)]
        }
    }
}

extension Refusal {
    private static func details(_ type: RegisteredType, _ name: String, kind: String? = nil) -> JSONValue {
        var details: JSONValue = ["name": .string(name), "kind": .string(kind ?? type.resource.plural)]
        if !type.resource.group.isEmpty { details[field: "group"] = .string(type.resource.group) }
        return details
    }

    static func notFound(_ type: RegisteredType, _ name: String) -> Refusal {
        Refusal(404, "NotFound", "\(type.qualifiedPlural) \"\(name)\" not found", details: details(type, name))
    }

    static let unknownResource = Refusal(
        404, "NotFound", "the server could not find the requested resource", details: .object([:]))

    static func alreadyExists(_ type: RegisteredType, _ name: String) -> Refusal {
        Refusal(
            409, "AlreadyExists", "\(type.qualifiedPlural) \"\(name)\" already exists", details: details(type, name))
    }

    static func conflict(_ type: RegisteredType, _ name: String, kind: String? = nil, _ message: String) -> Refusal {
        Refusal(
            409, "Conflict", "Operation cannot be fulfilled on \(kind ?? type.qualifiedPlural) \"\(name)\": \(message)",
            details: details(type, name, kind: kind))
    }

    static func modified(_ type: RegisteredType, _ name: String) -> Refusal {
        conflict(
            type, name,
            "the object has been modified; please apply your changes to the latest version and try again")
    }

    static func badRequest(_ message: String) -> Refusal { Refusal(400, "BadRequest", message) }

    static func forbidden(_ type: RegisteredType, _ name: String, _ message: String, causes: [Cause] = []) -> Refusal {
        var details = details(type, name)
        if !causes.isEmpty { details[field: "causes"] = .array(causes.map(\.json)) }
        return Refusal(
            403, "Forbidden", "\(type.qualifiedPlural) \"\(name)\" is forbidden: \(message)", details: details)
    }

    static func invalid(_ type: RegisteredType, _ name: String, kind: String? = nil, _ causes: [Cause]) -> Refusal {
        let texts = causes.map { "\($0.field): \($0.message)" }
        let text = texts.count == 1 ? texts[0] : "[\(texts.joined(separator: ", "))]"
        var details = details(type, name, kind: kind ?? type.resource.kind)
        details[field: "causes"] = .array(causes.map(\.json))
        return Refusal(
            422, "Invalid",
            "\(kind.map { _ in type.qualifiedPlural } ?? type.qualifiedKind) \"\(name)\" is invalid: \(text)",
            details: details)
    }

    static func applyConflict(_ conflicts: [FieldOwnership.Conflict]) -> Refusal {
        let managers = Dictionary(grouping: conflicts) { $0.manager }
            .map { manager, conflicts -> (String, [String]) in
                let subresource = manager.subresource.map { " with subresource \"\($0)\"" } ?? ""
                return (
                    "with \"\(manager.name)\"\(subresource) using \(manager.apiVersion)",
                    conflicts.map(\.field)
                )
            }
            .sorted { $0.0 < $1.0 }
        let texts = managers.map { text, fields in
            fields.count == 1
                ? "conflict \(text): \(fields[0])" : "conflicts \(text):\n- \(fields.joined(separator: "\n- "))"
        }
        let causes = managers.flatMap { text, fields in
            fields.map { Cause(reason: "FieldManagerConflict", message: "conflict \(text)", field: $0).json }
        }
        return Refusal(
            409, "Conflict",
            "Apply failed with \(conflicts.count) conflict\(conflicts.count == 1 ? "" : "s"): "
                + texts.joined(separator: "\n"),
            details: ["causes": .array(causes)])
    }

    static func tooLargeVersion(_ asked: Int, current: Int) -> Refusal {
        var refusal = Refusal(504, "Timeout", "Timeout: Too large resource version: \(asked), current: \(current)")
        refusal.details = [
            "causes": [["reason": "ResourceVersionTooLarge", "message": "Too large resource version"]]
        ]
        refusal.retryAfterSeconds = 1
        return refusal
    }
}
