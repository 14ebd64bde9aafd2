import JSON

/// JSON Schema as the API server takes it: OpenAPI v3, structural.
///
/// Source: the Kubernetes documentation, "Extend the Kubernetes API with CustomResourceDefinitions", "Specifying a
/// structural schema": one type at every place, nothing but required fields in `oneOf` and its like, no references.
/// What an alternative of types says is left to mlctl, which reads every manifest before it is applied.
enum StructuralSchema {
    private static let preservesUnknown = "x-kubernetes-preserve-unknown-fields"
    private static let intOrString = "x-kubernetes-int-or-string"

    /// - Parameter schema: JSON Schema, draft 2020-12, as `Shape` makes it.
    static func structural(_ schema: JSONValue) -> JSONValue {
        guard case .object(var members) = schema else { return [.init(preservesUnknown): true] }
        if case .object(var own)? = members[ServerRule.structuralKeyword] {
            own["description"] = members["description"]
            own[ServerRule.keyword] = members[ServerRule.keyword]
            return .object(own)
        }
        if [members["anyOf"], members["oneOf"]].contains(where: isChoiceOfTypes) {
            return object(["description": members["description"], preservesUnknown: true])
        }
        // Unknown to the API server.
        members["examples"] = nil
        settleType(&members)
        settleBounds(&members)
        switch members["additionalProperties"] {
        case .bool(let isOpen)?:
            members["additionalProperties"] = nil
            if isOpen { members[preservesUnknown] = true }
        case let values?: members["additionalProperties"] = structural(values)
        case nil: break
        }
        if case .object(let properties)? = members["properties"] {
            members["properties"] = .object(properties.mapValues(structural))
        }
        members["items"] = members["items"].map(structural)
        return .object(members)
    }

    private static func settleType(_ members: inout [String: JSONValue]) {
        switch members["type"] {
        case .array(let types)? where types.contains("null"):
            members["type"] = types.first { $0 != "null" }
            members["nullable"] = true
        case .array?:
            members["type"] = nil
            members[intOrString] = true
        case nil where members["enum"] != nil: members["type"] = "string"
        case _?, nil: break
        }
    }

    /// OpenAPI v3 has the bound in one keyword, and whether it is left out in another.
    private static func settleBounds(_ members: inout [String: JSONValue]) {
        for (bound, exclusive) in [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")] {
            guard let value = members[exclusive] else { continue }
            members[bound] = value
            members[exclusive] = true
        }
    }

    private static func isChoiceOfTypes(_ alternatives: JSONValue?) -> Bool {
        guard case .array(let schemas)? = alternatives else { return false }
        return schemas.contains { schema in
            guard case .object(let members) = schema else { return false }
            return members["type"] != nil
        }
    }

    private static func object(_ members: [String: JSONValue?]) -> JSONValue {
        .object(members.compactMapValues(\.self))
    }
}
