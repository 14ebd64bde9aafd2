import JSON

/// JSON Schema (draft 2020-12) of the manifest kinds, made from the declarations that read them.
package enum JSONSchema {
    /// - Parameter kind: the kind; nil gives one schema for all kinds.
    /// - Returns: the schema's text, two spaces a level.
    package static func document(for kind: ManifestKind? = nil) -> String {
        var schema: JSONValue
        if let kind {
            schema = Self.schema(of: kind)
        } else {
            schema = ["oneOf": .array(ManifestKind.allCases.map(Self.schema))]
        }
        let name = kind?.rawValue ?? "manifest"
        schema = schema.merging([
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": .string("https://\(ManifestFields.group)/schemas/v1alpha1/\(name.lowercased()).json"),
            "title": .string(kind?.rawValue ?? "mlctl manifest"),
        ])
        return CanonicalJSON.indentedText(forEditors(schema))
    }

    /// Leaves out the keywords that only the API server understands.
    private static func forEditors(_ schema: JSONValue) -> JSONValue {
        switch schema {
        case .object(let members):
            .object(
                members.filter { ![ServerRule.keyword, ServerRule.structuralKeyword].contains($0.key) }
                    .mapValues(forEditors))
        case .array(let items): .array(items.map(forEditors))
        case .null, .bool, .integer, .number, .string: schema
        }
    }

    private static func schema(of kind: ManifestKind) -> JSONValue {
        switch kind {
        case .modelDeployment: ManifestFields.modelDeployment.schema()
        case .servingRuntime: ManifestFields.servingRuntime.schema()
        case .gateTemplate: ManifestFields.gateTemplate.schema()
        case .predictionProfile: ManifestFields.predictionProfile.schema()
        }
    }
}
