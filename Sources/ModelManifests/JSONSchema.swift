/// JSON Schema (draft 2020-12) of the kinds, from the declarations that they are read by.
public enum JSONSchema {
    /// - Parameter kind: nil for one schema of all kinds.
    /// - Returns: the schema's text, two spaces a level.
    public static func document(for kind: ManifestKind? = nil) -> String {
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
        return CanonicalJSON.indentedText(schema)
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
