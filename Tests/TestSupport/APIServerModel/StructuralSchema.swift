import JSON
import ModelManifests

/// The OpenAPI schema of a custom type, applied to its objects.
enum StructuralSchema {
    private static let everywhere: Set<String> = ["apiVersion", "kind", "metadata"]

    /// The path of a field that the schema does not have; nil if it has them all.
    static func undeclared(_ value: JSONValue, _ schema: JSONValue) -> String? {
        undeclared(value, schema, at: "", isRoot: true)
    }

    private static func undeclared(_ value: JSONValue, _ schema: JSONValue, at path: String, isRoot: Bool) -> String? {
        if value.isArray {
            let item = schema[field: "items"] ?? .object([:])
            return value.items.lazy.compactMap { undeclared($0, item, at: path + "[]", isRoot: false) }.first
        }
        for (name, field) in value.fields.sorted(by: { $0.key < $1.key }) {
            if isRoot, everywhere.contains(name) { continue }
            guard let declared = schema.declared(name) else {
                if schema.keepsUnknown { continue }
                return "\(path).\(name)"
            }
            if let found = undeclared(field, declared, at: "\(path).\(name)", isRoot: false) { return found }
        }
        return nil
    }

    /// The value without the fields that the schema does not have.
    static func pruned(_ value: JSONValue, _ schema: JSONValue, isRoot: Bool = true) -> JSONValue {
        if value.isArray {
            let item = schema[field: "items"] ?? .object([:])
            return .array(value.items.map { pruned($0, item, isRoot: false) })
        }
        guard value.isObject else { return value }
        var kept: [String: JSONValue] = [:]
        for (name, field) in value.fields {
            if isRoot, everywhere.contains(name) {
                kept[name] = field
            } else if let declared = schema.declared(name) {
                kept[name] = pruned(field, declared, isRoot: false)
            } else if schema.keepsUnknown {
                kept[name] = field
            }
        }
        return .object(kept)
    }

    /// The parts that do not fit. Supports `type`, `required`, `enum`, `minimum`, `maximum`, `minLength`, `maxLength`,
    /// `minItems`.
    static func causes(_ value: JSONValue, _ schema: JSONValue, at path: String = "") -> [Refusal.Cause] {
        if let cause = typeCause(value, schema, path) { return [cause] }
        var causes = boundCauses(value, schema, path)
        for name in (schema[field: "required"]?.items ?? []).compactMap(\.text) where value.isObject {
            if value[field: name] == nil { causes.append(.required(path.isEmpty ? name : "\(path).\(name)")) }
        }
        for (name, field) in value.fields.sorted(by: { $0.key < $1.key }) {
            if path.isEmpty, everywhere.contains(name) { continue }
            guard let declared = schema.declared(name) else { continue }
            causes += Self.causes(field, declared, at: path.isEmpty ? name : "\(path).\(name)")
        }
        if let item = schema[field: "items"] {
            for (index, element) in value.items.enumerated() {
                causes += Self.causes(element, item, at: "\(path)[\(index)]")
            }
        }
        return causes
    }

    private static func typeCause(_ value: JSONValue, _ schema: JSONValue, _ path: String) -> Refusal.Cause? {
        let found: String =
            switch value {
            case .null: "null"
            case .bool: "boolean"
            case .integer: "integer"
            case .number: "number"
            case .string: "string"
            case .array: "array"
            case .object: "object"
            }
        if schema[field: "x-kubernetes-int-or-string"] == true, ["integer", "string"].contains(found) { return nil }
        guard let wanted = schema[field: "type"]?.text, wanted != found else { return nil }
        if wanted == "number", found == "integer" { return nil }
        if found == "null", schema[field: "nullable"] == true { return nil }
        return Refusal.Cause(
            reason: "FieldValueTypeInvalid",
            message: "Invalid value: \"\(found)\": \(path) in body must be of type \(wanted): \"\(found)\"", field: path
        )
    }

    private static func boundCauses(_ value: JSONValue, _ schema: JSONValue, _ path: String) -> [Refusal.Cause] {
        var causes: [Refusal.Cause] = []
        if let allowed = schema[field: "enum"]?.items, !allowed.contains(value) {
            let names = allowed.map { "\"\($0.text ?? "")\"" }.joined(separator: ", ")
            causes.append(
                Refusal.Cause(
                    reason: "FieldValueNotSupported",
                    message: "Unsupported value: \"\(value.text ?? "")\": supported values: \(names)", field: path))
        }
        if let number = value.asDouble {
            if let least = schema[field: "minimum"]?.asDouble, number < least {
                causes.append(.bound(path, value, "greater than or equal to", least))
            }
            if let most = schema[field: "maximum"]?.asDouble, number > most {
                causes.append(.bound(path, value, "less than or equal to", most))
            }
        }
        if let text = value.text {
            if let least = schema[field: "minLength"]?.whole, text.count < least {
                causes.append(.invalid(path, "\"\(text)\": \(path) in body should be at least \(least) chars long"))
            }
            if let most = schema[field: "maxLength"]?.whole, text.utf8.count > most {
                causes.append(
                    Refusal.Cause(
                        reason: "FieldValueTooLong", message: "Too long: may not be more than \(most) bytes",
                        field: path))
            }
        }
        if let least = schema[field: "minItems"]?.whole, value.isArray, value.items.count < least {
            causes.append(
                .invalid(path, "\(value.items.count): \(path) in body should have at least \(least) items"))
        }
        return causes
    }
}

extension Refusal.Cause {
    fileprivate static func bound(_ path: String, _ value: JSONValue, _ relation: String, _ limit: Double) -> Self {
        let (text, bound) = (JSONValue.normal(value.asDouble ?? 0).data, JSONValue.normal(limit).data)
        return .invalid(
            path,
            "\(String(decoding: text, as: UTF8.self)): \(path) in body should be \(relation) "
                + String(decoding: bound, as: UTF8.self))
    }
}

extension JSONValue {
    fileprivate func declared(_ name: String) -> JSONValue? {
        if let field = self[field: "properties"]?[field: name] { return field }
        guard let values = self[field: "additionalProperties"], values.isObject else { return nil }
        return values
    }

    fileprivate var keepsUnknown: Bool {
        self[field: "x-kubernetes-preserve-unknown-fields"] == true || self[field: "additionalProperties"] == true
            || self == .object([:])
    }

    fileprivate var asDouble: Double? {
        switch self {
        case .integer(let number): Double(number)
        case .number(let number): number
        default: nil
        }
    }
}

extension RegisteredType {
    /// The stored form: a custom type drops fields that it does not declare.
    func pruned(_ object: JSONValue) -> JSONValue {
        openAPI.map { StructuralSchema.pruned(object, $0) } ?? object
    }
}
