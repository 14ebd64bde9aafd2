/// The fields of `spec.target.drift`: one word, or a mapping that lists fields to ignore.
enum DriftFields {
    static let shape = Shape<DriftPolicy>(
        read: { node, reading in
            if case .mapping = node.content { return paths.read(node, &reading) }
            return mode.read(node, &reading).map { DriftPolicy($0) }
        },
        canonical: { node in
            if case .mapping = node.content { return paths.canonical(node) }
            return mode.canonical(node)
        },
        schema: { ["anyOf": [mode.schema(), paths.schema()]] }, fieldNames: paths.fieldNames)

    private static let mode = Shape<DriftPolicy.Mode>.choice(of: "drift")

    private static let paths = Shape<DriftPolicy>.object(
        DriftPolicy(),
        fields: [
            Field("mode", mode, "What mlctl does with all other fields. Default: undo.") { $0.mode = $1 },
            Field("ignore", .list(path, count: 1...64), "Paths of fields that mlctl leaves alone.", isRequired: true) {
                $0.ignored = $1
            },
        ])

    private static let path = Shape<String>.string(atMost: 512).map { text, node, reading -> ObjectFieldPath? in
        if let path = ObjectFieldPath(text) { return path }
        reading.report(
            "'\(text.shortened)' is not a path of fields", at: node.place,
            suggestion:
                "write it as spec.template.spec.containers[*].env; use [name=sidecar] for one element, [\"a.b/c\"] for a "
                + "name with dots")
        return nil
    }
}
