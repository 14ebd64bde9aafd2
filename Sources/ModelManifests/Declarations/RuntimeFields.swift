/// The fields of a runtime: in a ServingRuntime's `spec`, and in a ModelDeployment's `spec.runtime`.
enum RuntimeFields {
    /// `spec` of a ServingRuntime.
    static let servingRuntime = Shape<Runtime>.object(Runtime(command: []), fields: fields, rules: rules)

    /// `spec.runtime` of a ModelDeployment: inline, or the name of a ServingRuntime and the fields that differ from it.
    static let deployment = Shape<Runtime>.object(
        Runtime(command: []),
        fields: [
            Field(
                "name", .dnsLabel,
                "A ServingRuntime of the namespace, or a preset. Other fields given here override it."
            ) {
                $0.name = $1
            }
        ] + fields,
        rules: rules)

    private static let rules: [FieldRule] = [.atMostOne(["terminationGracePeriod", "terminationGracePeriodSeconds"])]

    private static let fields: [Field<Runtime>] =
        [
            Field("image", .string(), "The container image. Required in a cluster, where command is optional.") {
                $0.image = $1
            },
            Field(
                "command", .list(.text(), count: 1...100),
                "The program and its first arguments. It runs without a shell."
            ) {
                $0.command = $1
            },
            Field("args", .list(.text(canBeEmpty: true)), "More arguments. $(NAME) is replaced as in Kubernetes.") {
                $0.args = $1
            },
            Field(
                "env", EnvironmentFields.runtime, "Environment variables, in addition to those that every server gets."
            ) {
                $0.env = $1
            },
            Field("ports", ports, "Named ports. On one machine each is a free port, given as PORT and PORT_<NAME>.") {
                $0.ports = $1
            },
            Field(
                "probes", ProbeFields.probes, "How mlctl finds out that the server has started, is ready and is alive."
            ) {
                $0.probes = $1
            },
            Field("warmup", warmup, "Requests that are sent to a new instance before it gets traffic.") {
                $0.warmup = $1
            },
            Field("terminationGracePeriod", .duration(), "The time that an instance has to stop. Default: 30s.") {
                $0.terminationGracePeriod = $1
            },
            Field("terminationGracePeriodSeconds", .wholeNumber(0...86_400), "The same in seconds, as in Kubernetes.") {
                $0.terminationGracePeriod = .seconds($1)
            },
            Field("metrics", metrics, "Where the server's own metrics page is.") { $0.metrics = $1 },
            Field("runAs", runAs, "On one machine: the user that runs the server. The controller must run as root.") {
                $0.runAs = $1
            },
        ] + PodFields.fields

    private static let runAs = Shape<RunAs>.object(
        RunAs(user: ""),
        fields: [Field("user", userName, "A user's name or number.", isRequired: true) { $0.user = $1 }])

    private static let userName = Shape<String>.text(atMost: 32).map { text, node, reading -> String? in
        guard text.wholeMatch(of: #/[a-z_][a-z0-9_\-]*\$?|[0-9]{1,10}/#) == nil else { return text }
        reading.report(
            "'\(text.shortened)' is not a user name: use lower-case letters, digits, '_' and '-', or a number",
            at: node.place)
        return nil
    }.schema(adding: ["pattern": "^([a-z_][a-z0-9_-]*\\$?|[0-9]{1,10})$"])

    private static let ports = Shape<[ContainerPort]>.list(
        .object(
            ContainerPort(name: "http"),
            fields: [
                Field("name", .dnsLabel, "Its name. The first port, or `http`, is PORT; each is PORT_<NAME>.") {
                    $0.name = $1
                },
                Field("containerPort", .wholeNumber(1...65_535), "The port's number in a cluster. Default: 8080.") {
                    $0.containerPort = $1
                },
                Field(
                    "protocol", .choice(of: "protocol", available: [.http, .h2c]),
                    "http (HTTP/1.1), or h2c: HTTP/2 without TLS, to which gRPC calls go. Default: http."
                ) { $0.language = $1 },
            ]), count: 0...32
    ).map { ports, node, reading in
        reading.reportRepeated(ports.map(\.name), in: node, noun: "ports are named")
        if ports.count(where: { $0.language == .h2c }) > 1 {
            reading.report(
                "two ports have protocol: h2c, so mlctl cannot tell where gRPC calls go", at: node.place,
                suggestion: "leave it at one of them")
        }
        return ports
    }.checkedByServer(
        ServerRule(
            "self.all(p, self.exists_one(q, (has(q.name) ? q.name : 'http') == (has(p.name) ? p.name : 'http')))",
            "two ports have the same name; a port without a name is called http"),
        ServerRule(
            "self.filter(p, has(p.protocol) && p.protocol == 'h2c').size() <= 1",
            "only one port can have protocol: h2c"))

    private static let warmup = Shape<Warmup>.object(
        Warmup(file: ""),
        fields: [
            Field(
                "file", relativePath, "A file in the model's folder. Each line is a body, or {path, body}.",
                isRequired: true
            ) {
                $0.file = $1
            },
            Field("path", ProbeFields.httpPath, "The path for lines without their own path.") {
                $0.path = $1
            },
            Field(
                "timeout", .duration(.milliseconds(1)...GoDuration.longest),
                "The time for all requests together. Default: 60s."
            ) {
                $0.timeout = $1
            },
        ])

    static let relativePath = Shape<String>.string().map { text, node, reading -> String? in
        guard !text.hasPrefix("/"), !text.split(separator: "/").contains("..") else {
            reading.report(
                "'\(text.shortened)' is outside the model's folder", at: node.place,
                suggestion: "write a path relative to the model's files, without '..'")
            return nil
        }
        return text
    }.schema(adding: ["pattern": "^[^/]"]).checkedByServer(
        ServerRule("!self.split('/').exists(part, part == '..')", "must be inside the model's folder"))

    private static let metrics = Shape<RuntimeMetrics>.object(
        RuntimeMetrics(),
        fields: [
            Field("path", ProbeFields.httpPath, "The path of the page. Default: /metrics.") { $0.path = $1 },
            Field("port", .text(), "A port's name. Default: PORT.") { $0.port = $1 },
            Field(
                "dialect", .choice(of: "dialect"),
                "Which metric names the server uses: mlserver, bentoml, vllm, mlctl or other."
            ) {
                $0.dialect = $1
            },
        ])
}

/// The fields of `env`.
enum EnvironmentFields {
    /// The variables of a check. Only mlctl finds repeated names there: in a hundred steps the API server could not count them.
    static let list = Shape<[EnvironmentVariable]>.list(variable, count: 0...200).map { variables, node, reading in
        reading.reportRepeated(variables.map(\.name), in: node, noun: "variables are named")
        return variables
    }

    /// The variables of a model server.
    static let runtime = list.checkedByServer(
        ServerRule("self.all(v, self.exists_one(w, w.name == v.name))", "two variables have the same name"))

    private static let variable = Shape<EnvironmentVariable>.object(
        EnvironmentVariable(name: "", value: .literal("")),
        fields: [
            Field("name", name, "Its name.", isRequired: true) { $0.name = $1 },
            Field("value", .text(atMost: 65_536, canBeEmpty: true), "Its value. $(NAME) is replaced as in Kubernetes.")
            {
                $0.value = .literal($1)
            },
            Field("valueFrom", secret, "A secret that the operator has allowed.") { $0.value = .secret($1) },
        ],
        rules: [.exactlyOne(["value", "valueFrom"])])

    private static let secret = Shape<String>.object(
        "", fields: [Field("secret", .shortName, "The secret's name.", isRequired: true) { $0 = $1 }])

    private static let name = Shape<String>.string(atMost: 256).map { text, node, reading -> String? in
        guard !NameRules.isEnvironmentName(text) else { return text }
        reading.report(
            "'\(text.shortened)' is not the name of an environment variable: use letters, digits, '_', '-' and '.', not "
                + "starting with a digit", at: node.place)
        return nil
    }.schema(adding: ["pattern": .string(NameRules.environmentNamePattern)])
}

extension DocumentReading {
    /// Reports names that occur twice in a list of objects.
    mutating func reportRepeated(_ names: [String], in list: SourceNode, noun: String) {
        guard Set(names).count < names.count, case .sequence(let items) = list.content, items.count == names.count
        else { return }
        var seen: [String: SourcePlace] = [:]
        for (index, (name, item)) in zip(names, items).enumerated() {
            guard let first = seen[name] else {
                seen[name] = item.place
                continue
            }
            enter(.index(index))
            report("two \(noun) '\(name.shortened)', the first on line \(first.line)", at: item.place)
            leave()
        }
    }
}
