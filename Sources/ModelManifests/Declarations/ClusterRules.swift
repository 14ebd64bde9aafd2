/// The API server's rules for a deployment's name, labels and annotations. On one machine these rules do not apply.
enum ClusterRules {
    static func checkMetadata(
        _ manifest: WrittenManifest<WrittenDeployment>, _ node: SourceNode, _ reading: inout DocumentReading
    ) {
        guard manifest.spec.target != .local, let metadata = node["metadata"] else { return }
        reading.enter(.field("metadata"))
        checkName(manifest.metadata.name, metadata, &reading)
        reading.inside("labels", of: metadata) { checkLabels($0, &$1) }
        reading.inside("annotations", of: metadata) { checkKeys($0, &$1) }
        reading.leave()
    }

    private static func checkName(_ name: String, _ metadata: SourceNode, _ reading: inout DocumentReading) {
        // An empty name has been reported already.
        guard !name.isEmpty else { return }
        if ClusterNames.reserved.contains(name) {
            reading.report(
                "'\(name)' is reserved for mlctl's own objects in every namespace", field: "name", of: metadata,
                suggestion: "choose another name")
        } else if !NameRules.isServiceName(name) {
            reading.report(
                "'\(name)' begins with a digit, but the name of its Service must begin with a letter", field: "name",
                of: metadata, suggestion: "did you mean '\(("m-" + name).prefix(63))'?")
        }
    }

    /// Checks both keys and values.
    static func checkLabels(_ labels: SourceNode, _ reading: inout DocumentReading) {
        checkKeys(labels, &reading)
        guard case .mapping(let entries) = labels.content else { return }
        for entry in entries {
            guard let text = entry.value.text, let problem = NameRules.problem(withLabelValue: text) else { continue }
            reading.enter(.field(entry.key.shortened))
            reading.report(problem.message, at: entry.value.place, suggestion: problem.suggestion)
            reading.leave()
        }
    }

    static func checkKeys(_ entries: SourceNode, _ reading: inout DocumentReading) {
        guard case .mapping(let entries) = entries.content else { return }
        for entry in entries {
            guard let problem = NameRules.problem(withLabelKey: entry.key) else { continue }
            reading.enter(.field(entry.key.shortened))
            reading.report(problem.message, at: entry.keyPlace, suggestion: problem.suggestion)
            reading.leave()
        }
    }

    /// Checks a runtime with resolved references against what pods allow.
    ///
    /// - Parameters:
    ///   - node: `spec.runtime`, where problems are reported; those that come from a ServingRuntime are reported at its start.
    static func checkPods(of runtime: Runtime, _ node: SourceNode, _ reading: inout DocumentReading) {
        func report(_ message: String, _ path: [PathElement], _ suggestion: String) {
            let place = node.follow(path)?.place ?? node.place
            reading.report(message, within: path, at: place, suggestion: suggestion)
        }
        var numbers: [Int: String] = [:]
        for (index, port) in runtime.ports.enumerated() {
            if !NameRules.isPortName(port.name) {
                report(
                    "'\(port.name.shortened)' is not a valid port name in Kubernetes: use at most 15 lower-case letters, digits "
                        + "and '-', with a letter among them, and no two '-' in a row",
                    [.field("ports"), .index(index), .field("name")], "choose another name, such as http")
            }
            if let language = port.language, language != .http {
                report(
                    "protocol: \(language.rawValue) is for one machine: the proxies of a cluster speak HTTP/1.1 to pods",
                    [.field("ports"), .index(index), .field("protocol")],
                    "leave it out, or write target: {kind: local}")
            }
            guard let number = port.containerPort else { continue }
            if let first = numbers.updateValue(port.name, forKey: number) {
                report(
                    "the ports '\(first)' and '\(port.name)' both use \(number), and a server can listen on a port only once",
                    [.field("ports"), .index(index), .field("containerPort")], "give each its own containerPort")
            }
        }
        for (index, variable) in runtime.env.enumerated() {
            guard case .secret(let name) = variable.value, !NameRules.isDNSSubdomain(name) else { continue }
            report(
                "'\(name.shortened)' is not a valid Secret name in Kubernetes: use lower-case letters, digits, '-' and '.'",
                [.field("env"), .index(index), .field("valueFrom"), .field("secret")],
                NameRules.repairedLabel(name).map { "did you mean '\($0)'?" } ?? "rename the Secret")
        }
        if let image = runtime.image, image.contains(where: \.isWhitespace) {
            report(
                "'\(image.shortened)' contains white space, which an image name cannot", [.field("image")], "remove it")
        }
    }
}

extension SourceNode {
    /// The node at a path; nil where there is none.
    func follow(_ path: [PathElement]) -> SourceNode? {
        path.reduce(self) { node, element in
            switch element {
            case .field(let name): return node?[name]
            case .index(let index):
                guard case .sequence(let items)? = node?.content, items.indices.contains(index) else { return nil }
                return items[index]
            }
        }
    }
}

extension DocumentReading {
    /// Checks a field of a mapping, where it is given.
    mutating func inside(
        _ field: String, of node: SourceNode, _ look: (SourceNode, inout DocumentReading) -> Void
    ) {
        guard let value = node[field], !value.isNull else { return }
        enter(.field(field))
        look(value, &self)
        leave()
    }
}
