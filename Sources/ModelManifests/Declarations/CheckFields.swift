/// The fields of `check` and `contract` gates.
enum CheckFields {
    static let shape = Shape<CheckGate>.object(
        CheckGate(command: []),
        fields: [
            Field(
                "command", .list(.text(), count: 1...100),
                "The program and its arguments. It runs without a shell, in the candidate's model folder. Exit code 0 passes.",
                isRequired: true
            ) {
                $0.command = $1
            },
            Field(
                "image", image, "In a cluster: the image of the Job that runs the check. Default: the runtime's image."
            ) {
                $0.image = $1
            },
            Field(
                "env", EnvironmentFields.list,
                "Environment variables, in addition to a model server's own and the URLs."
            ) {
                $0.env = $1
            },
            Field(
                "timeout", .duration(.milliseconds(100)...GoDuration.longest),
                "The check is ended after this time. Default: 10m."
            ) {
                $0.timeout = $1
            },
            Field(
                "metrics", .dictionary(bounds, count: 50),
                "Bounds for the JSON numbers in the last line of output, such as {\"accuracy\": 0.93}."
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
            "'\(text.shortened)' contains white space, which an image name cannot", at: node.place,
            suggestion: "remove it")
        return nil
    }.schema(adding: ["pattern": "^\\S+$"])

    static let contract = Shape<ContractGate>.object(
        ContractGate(),
        fields: [
            Field("path", ProbeFields.httpPath, "The path of the model's metadata. Default: /v2/models/NAME.") {
                $0.path = $1
            }
        ])

    private static let bounds = Shape<CheckGate.Bounds>.object(
        CheckGate.Bounds(),
        fields: [
            Field("min", number, "A smaller value fails.") { $0.min = $1 },
            Field("max", number, "A larger value fails.") { $0.max = $1 },
        ], rules: [.atLeastOne(["min", "max"])])

    private static let number = Shape<Double>.number(-Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude)
}
