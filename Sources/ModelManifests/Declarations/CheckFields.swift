/// The fields of `check` and `contract` gates.
enum CheckFields {
    static let shape = Shape<CheckGate>.object(
        CheckGate(command: []),
        fields: [
            Field(
                "command", .list(.text(), count: 1...100),
                "Started without a shell, in the candidate's model folder. Exit code 0 passes.", isRequired: true
            ) {
                $0.command = $1
            },
            Field("image", image, "In a cluster: the image of the Job that runs it; the runtime's.") { $0.image = $1 },
            Field("env", EnvironmentFields.list, "Variables, beside those that a model server gets and the URLs.") {
                $0.env = $1
            },
            Field("timeout", .duration(.milliseconds(100)...GoDuration.longest), "After that it is ended; 10m.") {
                $0.timeout = $1
            },
            Field(
                "metrics", .dictionary(bounds, count: 50),
                "Bounds of what its last line of output says: {\"accuracy\": 0.93}."
            ) {
                $0.metrics = $1
            },
        ],
        check: { gate, node, reading in
            let variables = SecretVariables(gate.env)
            for (index, word) in gate.command.enumerated() {
                guard let (variable, secret) = variables.exposed(in: word) else { continue }
                reading.report(
                    RuntimeRules.exposure(of: variable, secret), within: [.field("command"), .index(index)],
                    at: node["command"]?.place ?? node.place, suggestion: RuntimeRules.exposureAdvice(variable))
            }
        })

    private static let image = Shape<String>.string().map { text, node, reading -> String? in
        guard text.contains(where: \.isWhitespace) else { return text }
        reading.report(
            "'\(text.shortened)' holds white space: no image is called so", at: node.place, suggestion: "take it out")
        return nil
    }.schema(adding: ["pattern": "^\\S+$"])

    static let contract = Shape<ContractGate>.object(
        ContractGate(),
        fields: [
            Field("path", ProbeFields.httpPath, "Where the metadata is; /v2/models/NAME.") { $0.path = $1 }
        ])

    private static let bounds = Shape<CheckGate.Bounds>.object(
        CheckGate.Bounds(),
        fields: [
            Field("min", number, "Below this it fails.") { $0.min = $1 },
            Field("max", number, "Above this it fails.") { $0.max = $1 },
        ], rules: [.atLeastOne(["min", "max"])])

    private static let number = Shape<Double>.number(-Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude)
}
