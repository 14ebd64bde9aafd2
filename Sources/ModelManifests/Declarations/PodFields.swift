/// How a runtime says what it asks of its pods.
enum PodFields {
    static let fields: [Field<Runtime>] = [
        Field("serviceAccountName", .dnsSubdomain, "In a cluster: whom the pods act as.") {
            $0.settings.serviceAccountName = $1
        },
        Field("imagePullSecrets", pullSecrets, "In a cluster: secrets of the namespace that images are pulled with.") {
            $0.settings.imagePullSecrets = $1
        },
        Field("nodeSelector", .dictionary(.text(atMost: 63, canBeEmpty: true)), "In a cluster: labels of the nodes.") {
            $0.settings.nodeSelector = $1
        },
        Field("tolerations", .list(toleration, count: 0...64), "In a cluster: taints that the pods put up with.") {
            $0.settings.tolerations = $1
        },
        Field("podSecurity", .choice(of: "level"), "In a cluster: the Pod Security Standard that is kept; restricted.")
        {
            $0.settings.security = $1
        },
        Field("podTemplate", podTemplate, "In a cluster: {metadata, spec} of a pod, laid over what mlctl writes.") {
            $0.settings.template = $1
        },
    ]

    private static let pullSecrets = Shape<[String]>.list(.nameOrObject, count: 0...32)

    private static let toleration = Shape<Toleration>.object(
        Toleration(),
        fields: [
            Field("key", .string(atMost: 316), "The taint's key; all, with operator: Exists.") { $0.key = $1 },
            Field(
                "operator", .choice(of: "operator", available: ["Equal", "Exists"], later: []),
                "Equal or Exists; Equal."
            ) { $0.operator = $1 },
            Field("value", .text(atMost: 63, canBeEmpty: true), "With Equal: the taint's value.") { $0.value = $1 },
            Field(
                "effect", .choice(of: "effect", available: ["NoSchedule", "PreferNoSchedule", "NoExecute"], later: []),
                "NoSchedule, PreferNoSchedule or NoExecute; all."
            ) { $0.effect = $1 },
            Field("tolerationSeconds", .wholeNumber(0...31_536_000), "With NoExecute: for how long; for ever.") {
                $0.tolerationSeconds = $1
            },
        ],
        check: { toleration, node, reading in
            let operators = node["operator"]
            guard operators == nil || toleration.operator != nil else { return }
            if toleration.operator == "Exists" {
                if toleration.value?.isEmpty == false {
                    reading.report(
                        "goes with operator: Equal only", field: "value", of: node,
                        suggestion: "leave it out, or write operator: Equal")
                }
            } else if node["key"] == nil {
                reading.report(
                    "is missing", field: "key", of: node, suggestion: "name the taint, or write operator: Exists")
            }
            if toleration.tolerationSeconds != nil, toleration.effect != "NoExecute" {
                reading.report(
                    "goes with effect: NoExecute only", field: "tolerationSeconds", of: node,
                    suggestion: "leave it out, or write effect: NoExecute")
            }
        })

    /// Open below `spec`: it is the cluster that knows its pods. What would break mlctl's own is refused here.
    private static let podTemplate = Shape<JSONValue>.raw { node, reading in
        let template = RawMapping(node, fields: ["metadata", "spec"], "a pod template", &reading)
        template?.read("metadata", &reading) { metadata, reading in
            let metadata = RawMapping(metadata, fields: ["labels", "annotations"], "a pod's metadata", &reading)
            for field in ["labels", "annotations"] {
                metadata?.read(field, &reading) { checkKeys(of: $0, &$1) }
            }
        }
        template?.read("spec", &reading) { spec, reading in
            guard case .mapping = spec.content else {
                return reading.report("must be a mapping, not \(spec.shownInMessages)", at: spec.place)
            }
            for field in ["containers", "initContainers"] {
                RawMapping(spec)?.read(field, &reading) { checkNames(of: $0, &$1) }
            }
        }
    }

    private static func checkKeys(of labels: SourceNode, _ reading: inout DocumentReading) {
        guard case .mapping(let entries) = labels.content else {
            return reading.report("must be a mapping of names to text, not \(labels.shownInMessages)", at: labels.place)
        }
        for entry in entries {
            reading.enter(.field(entry.key.shortened))
            if entry.key.hasPrefix("\(ManifestFields.group)/") {
                reading.report(
                    "is mlctl's own: pods are found by it", at: entry.keyPlace, suggestion: "choose another name")
            }
            if case .scalar(let text, let isPlain) = entry.value.content {
                if isPlain, PlainScalar.isBool(text) || PlainScalar.isNumber(text) {
                    reading.report(
                        "must be text, not \(entry.value.shownInMessages)", at: entry.value.place,
                        suggestion: "put it in quotes: \"\(text.shortened)\"")
                }
            } else {
                reading.report("must be text, not \(entry.value.shownInMessages)", at: entry.value.place)
            }
            reading.leave()
        }
    }

    /// Containers are laid over one another by their names.
    private static func checkNames(of containers: SourceNode, _ reading: inout DocumentReading) {
        guard case .sequence(let items) = containers.content else {
            return reading.report("must be a list, not \(containers.shownInMessages)", at: containers.place)
        }
        for (index, item) in items.enumerated() where item["name"]?.text == nil {
            reading.enter(.index(index))
            reading.report(
                "is missing", field: "name", of: item,
                suggestion: "name the container that this is laid over, or a new one"
            )
            reading.leave()
        }
    }
}

extension Runtime {
    fileprivate var settings: PodSettings {
        get { pod ?? PodSettings() }
        set { pod = newValue }
    }
}

extension Shape where Value == String {
    /// `NAME` or `{name: NAME}`, which are the same.
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
