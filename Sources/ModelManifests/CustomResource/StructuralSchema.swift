import JSON

/// Converts JSON Schema to the form that the API server accepts: OpenAPI v3, structural.
///
/// Source: the Kubernetes documentation, "Extend the Kubernetes API with CustomResourceDefinitions", "Specifying a
/// structural schema": one type at every place, only required fields in `oneOf`, `anyOf` and `allOf`, no references. Where the
/// schema offers several types, the API server checks nothing; mlctl reads every manifest before it applies it.
enum StructuralSchema {
    private static let preservesUnknown = "x-kubernetes-preserve-unknown-fields"
    private static let intOrString = "x-kubernetes-int-or-string"

    /// - Parameter schema: JSON Schema, draft 2020-12, as `Shape` produces it.
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
        // The API server does not know this keyword.
        members["examples"] = nil
        // The API server would write defaults into objects, and a newer version's defaults would then never apply.
        members["default"] = nil
        convertType(&members)
        convertBounds(&members)
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

    private static func convertType(_ members: inout [String: JSONValue]) {
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

    /// OpenAPI v3 has one keyword for the bound, and another that says whether the bound itself is excluded.
    private static func convertBounds(_ members: inout [String: JSONValue]) {
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
