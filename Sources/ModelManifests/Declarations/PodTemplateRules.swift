import JSON

/// Checks `runtime.podTemplate`. Its `spec` is open, because only the cluster knows what its pods support. Refused here is what
/// would break mlctl's own objects, and what the API server refuses in every pod.
package enum PodTemplateRules {
    static let shape = Shape<JSONValue>.raw { node, reading in
        let template = RawMapping(node, fields: ["metadata", "spec"], "a pod template", &reading)
        template?.read("metadata", &reading) { metadata, reading in
            let metadata = RawMapping(metadata, fields: ["labels", "annotations"], "a pod's metadata", &reading)
            metadata?.read("labels", &reading) { labels, reading in
                checkText(of: labels, &reading)
                ClusterRules.checkLabels(labels, &reading)
            }
            metadata?.read("annotations", &reading) { annotations, reading in
                checkText(of: annotations, &reading)
                ClusterRules.checkKeys(annotations, &reading)
            }
        }
        template?.read("spec", &reading) { spec, reading in
            guard let mapping = RawMapping(spec) else {
                return reading.report("must be a mapping, not \(spec.shownInMessages)", at: spec.place)
            }
            mapping.read("nodeSelector", &reading) { ClusterRules.checkLabels($0, &$1) }
            mapping.read("containers", &reading) { checkContainers($0, ofOurs: ownContainers, &$1) }
            mapping.read("initContainers", &reading) { checkContainers($0, ofOurs: ownInitContainers, &$1) }
        }
    }

    /// Containers that mlctl writes. A template that changes one of them needs no image.
    static let ownContainers: Set<String> = [server, "companion"]
    /// The container that a runtime describes.
    static let server = "model"
    /// The volume with the model's files, and the folder where containers see it.
    package static let modelVolume = "model"
    package static let modelFolder = "/mnt/models"
    static let ownInitContainers: Set<String> = ["fetch-model", "storage-initializer", "verify-model"]

    private static func checkText(of labels: SourceNode, _ reading: inout DocumentReading) {
        guard case .mapping(let entries) = labels.content else {
            return reading.report("must be a mapping of names to text, not \(labels.shownInMessages)", at: labels.place)
        }
        for entry in entries {
            reading.enter(.field(entry.key.shortened))
            if entry.key.hasPrefix("\(ManifestFields.group)/") {
                reading.report(
                    "is reserved: mlctl finds its pods by it", at: entry.keyPlace, suggestion: "choose another name")
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

    /// The template's containers are merged with mlctl's by name.
    private static func checkContainers(
        _ containers: SourceNode, ofOurs own: Set<String>, _ reading: inout DocumentReading
    ) {
        checkEachUnique(of: containers, by: "name", noun: "containers", &reading) { container, reading in
            guard let name = container["name"]?.text else {
                return reading.report(
                    "is missing", field: "name", of: container,
                    suggestion: "give the name of one of mlctl's containers, or a new name")
            }
            if !NameRules.isDNSLabel(name) {
                reading.report(
                    "'\(name.shortened)' is not a DNS-1123 label: use at most 63 lower-case letters, digits and '-'",
                    field: "name", of: container,
                    suggestion: NameRules.repairedLabel(name).map { "did you mean '\($0)'?" })
            }
            if !own.contains(name), container["image"]?.text == nil {
                reading.report(
                    "is missing", field: "image", of: container,
                    suggestion: DidYouMean.nearest(to: name, among: own.sorted())
                        .map { "did you mean the container '\($0)'? A new container needs an image" }
                        ?? "'\(name.shortened)' is a new container and needs an image; mlctl's own are "
                        + own.sorted().joined(separator: ", "))
            }
            reading.inside("ports", of: container) { checkPorts($0, &$1) }
            reading.inside("env", of: container) { checkEnvironment($0, &$1) }
            checkSecrets(of: container, &reading)
            reading.inside("resources", of: container) { resources, reading in
                for field in ["limits", "requests"] {
                    reading.inside(field, of: resources) { checkQuantities($0, &$1) }
                }
            }
        }
    }

    private static func checkPorts(_ ports: SourceNode, _ reading: inout DocumentReading) {
        checkEachUnique(of: ports, by: "name", noun: "ports", &reading) { port, reading in
            if let name = port["name"]?.text, !NameRules.isPortName(name) {
                reading.report(
                    "'\(name.shortened)' is not a valid port name in Kubernetes: use at most 15 lower-case letters, digits and "
                        + "'-', with a letter among them", field: "name", of: port, suggestion: "choose another name")
            }
            guard let number = port["containerPort"].flatMap(PlainScalar.integer), (1...65_535).contains(number) else {
                return reading.report(
                    "must be a port number from 1 to 65535", field: "containerPort", of: port)
            }
        }
    }

    private static func checkEnvironment(_ variables: SourceNode, _ reading: inout DocumentReading) {
        checkEachUnique(of: variables, by: "name", noun: "variables", &reading) { variable, reading in
            guard let name = variable["name"]?.text, NameRules.isEnvironmentName(name) else {
                return reading.report(
                    "must be the name of an environment variable: letters, digits, '_', '-' and '.', not starting with a digit",
                    field: "name", of: variable)
            }
            if variable["value"].map({ !$0.isNull }) ?? false, variable["valueFrom"].map({ !$0.isNull }) ?? false {
                reading.report("can have only one of 'value' and 'valueFrom'", at: variable.place)
            }
            if let value = variable["value"], case .scalar(let text, isPlain: true) = value.content,
                PlainScalar.isBool(text) || PlainScalar.isNumber(text)
            {
                reading.report(
                    "must be text, not \(value.shownInMessages)", field: "value", of: variable,
                    suggestion: "put it in quotes: \"\(text.shortened)\"")
            }
        }
    }

    /// Refuses secrets on a command line.
    private static func checkSecrets(of container: SourceNode, _ reading: inout DocumentReading) {
        guard case .sequence(let items)? = container["env"]?.content else { return }
        let variables = SecretVariables(
            items.compactMap { item in
                guard let name = item["name"]?.text else { return nil }
                if let secret = item["valueFrom"]?["secretKeyRef"] {
                    return EnvironmentVariable(name: name, value: .secret(secret["name"]?.text ?? ""))
                }
                return EnvironmentVariable(name: name, value: .literal(item["value"]?.text ?? ""))
            })
        for field in ["command", "args"] {
            guard case .sequence(let words)? = container[field]?.content else { continue }
            for word in words {
                guard let (variable, secret) = variables.exposed(in: word.text ?? "") else { continue }
                reading.report(
                    RuntimeRules.exposure(of: variable, secret), field: field, of: container,
                    suggestion: RuntimeRules.exposureAdvice(variable))
            }
        }
    }

    private static func checkQuantities(_ amounts: SourceNode, _ reading: inout DocumentReading) {
        guard case .mapping(let entries) = amounts.content else { return }
        for entry in entries {
            guard !entry.value.isNull, entry.value.text.flatMap(Quantity.init) == nil else { continue }
            reading.enter(.field(entry.key.shortened))
            reading.report(
                "\(entry.value.shownInMessages) is not a quantity", at: entry.value.place,
                suggestion: entry.value.text.flatMap(Quantity.suggestion) ?? "write it as 500m, 2, 1.5 or 4Gi")
            reading.leave()
        }
    }

    /// Checks each object of a list, and reports those that repeat the name of an earlier one.
    private static func checkEachUnique(
        of list: SourceNode, by key: String, noun: String, _ reading: inout DocumentReading,
        _ look: (SourceNode, inout DocumentReading) -> Void
    ) {
        guard case .sequence(let items) = list.content else {
            return reading.report("must be a list, not \(list.shownInMessages)", at: list.place)
        }
        var seen: [String: SourcePlace] = [:]
        for (index, item) in items.enumerated() {
            reading.enter(.index(index))
            look(item, &reading)
            if let name = item[key]?.text {
                if let first = seen[name] {
                    reading.report(
                        "two \(noun) are named '\(name.shortened)', the first on line \(first.line)", at: item.place)
                } else {
                    seen[name] = item.place
                }
            }
            reading.leave()
        }
    }
}
