/// The fields of a runtime that are about its pods.
enum PodFields {
    static let fields: [Field<Runtime>] = [
        Field("serviceAccountName", .dnsSubdomain, "In a cluster: the ServiceAccount of the pods.") {
            $0.settings.serviceAccountName = $1
        },
        Field("imagePullSecrets", pullSecrets, "In a cluster: Secrets for pulling images.") {
            $0.settings.imagePullSecrets = $1
        },
        Field("nodeSelector", .nodeLabels, "In a cluster: labels that nodes must have.") {
            $0.settings.nodeSelector = $1
        },
        Field("tolerations", .list(toleration, count: 0...64), "In a cluster: taints that the pods tolerate.") {
            $0.settings.tolerations = $1
        },
        Field(
            "podSecurity", .choice(of: "level"),
            "In a cluster: the Pod Security Standard of the pods. Default: restricted."
        ) {
            $0.settings.security = $1
        },
        Field(
            "podTemplate", PodTemplateRules.shape,
            "In a cluster: {metadata, spec} of a pod, merged over the pod template that mlctl writes."
        ) {
            $0.settings.template = $1
        },
    ]

    private static let pullSecrets = Shape<[String]>.list(.nameOrObject, count: 0...32)

    private static let toleration = Shape<Toleration>.object(
        Toleration(),
        fields: [
            Field("key", .labelKey, "The taint's key. Without it, operator: Exists matches all taints.") {
                $0.key = $1
            },
            Field(
                "operator", .choice(of: "operator", available: ["Equal", "Exists"], later: []),
                "Equal or Exists. Default: Equal."
            ) { $0.operator = $1 },
            Field("value", .labelValue, "The taint's value, for operator: Equal.") { $0.value = $1 },
            Field(
                "effect", .choice(of: "effect", available: ["NoSchedule", "PreferNoSchedule", "NoExecute"], later: []),
                "NoSchedule, PreferNoSchedule or NoExecute. Default: all."
            ) { $0.effect = $1 },
            Field(
                "tolerationSeconds", .wholeNumber(0...31_536_000),
                "For effect: NoExecute, how long pods tolerate it. Default: for ever."
            ) {
                $0.tolerationSeconds = $1
            },
        ],
        check: { toleration, node, reading in
            let operators = node["operator"]
            guard operators == nil || toleration.operator != nil else { return }
            if toleration.operator == "Exists" {
                if toleration.value?.isEmpty == false {
                    reading.report(
                        "can only be used with operator: Equal", field: "value", of: node,
                        suggestion: "leave it out, or write operator: Equal")
                }
            } else if node["key"] == nil {
                reading.report(
                    "is missing", field: "key", of: node, suggestion: "give the taint's key, or write operator: Exists")
            }
            if toleration.tolerationSeconds != nil, toleration.effect != "NoExecute" {
                reading.report(
                    "can only be used with effect: NoExecute", field: "tolerationSeconds", of: node,
                    suggestion: "leave it out, or write effect: NoExecute")
            }
        }
    ).checkedByServer(
        ServerRule(
            "!has(self.operator) || self.operator != 'Exists' || !has(self.value) || self.value == ''",
            "value can only be used with operator: Equal"),
        ServerRule("has(self.key) || (has(self.operator) && self.operator == 'Exists')", "key is missing"),
        ServerRule(
            "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
            "tolerationSeconds can only be used with effect: NoExecute"))
}

extension Runtime {
    fileprivate var settings: PodSettings {
        get { pod ?? PodSettings() }
        set { pod = newValue }
    }
}

extension Shape where Value == String {
    /// `NAME` or `{name: NAME}`, which mean the same.
    fileprivate static var nameOrObject: Shape {
        let name = Shape.dnsSubdomain
        let object = Shape.object("", fields: [Field("name", name, "Its name.", isRequired: true) { $0 = $1 }])
        @Sendable func inner(_ node: SourceNode) -> SourceNode? {
            guard case .mapping = node.content else { return nil }
            return node["name"]
        }
        return Shape(
            read: { node, reading in
                guard case .mapping = node.content else { return name.read(node, &reading) }
                return object.read(node, &reading).flatMap { $0.isEmpty ? nil : $0 }
            },
            canonical: { node in .string((inner(node) ?? node).text ?? "") },
            schema: { ["anyOf": [name.schema(), object.schema()]] })
    }
}

extension Shape where Value == String {
    /// `NAME` or `DOMAIN/NAME`: the keys of labels, annotations and taints.
    fileprivate static var labelKey: Shape {
        string(atMost: 317).map { text, node, reading -> String? in
            guard let problem = NameRules.problem(withLabelKey: text) else { return text }
            reading.report(problem.message, at: node.place, suggestion: problem.suggestion)
            return nil
        }.schema(adding: ["pattern": .string(NameRules.labelKeyPattern)])
    }

    fileprivate static var labelValue: Shape {
        text(canBeEmpty: true).map { text, node, reading -> String? in
            guard let problem = NameRules.problem(withLabelValue: text) else { return text }
            reading.report(problem.message, at: node.place, suggestion: problem.suggestion)
            return nil
        }.schema(adding: ["pattern": .string(NameRules.labelValuePattern), "maxLength": 63])
    }
}

extension Shape where Value == [String: String] {
    fileprivate static var nodeLabels: Shape {
        let labels = Shape.dictionary(Shape<String>.labelValue, count: 64)
        return Shape(
            read: { node, reading in
                let values = labels.read(node, &reading)
                ClusterRules.checkKeys(node, &reading)
                return values
            }, canonical: labels.canonical, schema: labels.schema)
    }
}
