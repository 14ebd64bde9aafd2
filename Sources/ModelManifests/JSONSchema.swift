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
            schema = Self.schemaOfAnyKind
        }
        let name = kind?.rawValue ?? "manifest"
        schema = schema.merging([
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": .string("https://\(ManifestFields.group)/schemas/v1alpha1/\(name.lowercased()).json"),
            "title": .string(kind?.rawValue ?? "mlctl manifest"),
        ])
        return CanonicalJSON.indentedText(forEditors(schema))
    }

    /// By the kind that a document names, so that an editor shows the place of a mistake, and not that no kind fits.
    private static var schemaOfAnyKind: JSONValue {
        let kinds = ManifestKind.allCases.map { JSONValue.string($0.rawValue) }
        let choices = ManifestKind.allCases.map { kind -> JSONValue in
            let named: JSONValue = ["properties": ["kind": ["const": .string(kind.rawValue)]], "required": ["kind"]]
            return ["if": named, "then": schema(of: kind)]
        }
        return [
            "type": "object", "required": ["apiVersion", "kind"],
            "properties": [
                "apiVersion": [
                    "description": "The API group and version.", "enum": [.string(ManifestFields.apiVersion)],
                ],
                "kind": ["description": "The kind of the manifest.", "enum": .array(kinds)],
            ],
            "allOf": .array(choices),
        ]
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
