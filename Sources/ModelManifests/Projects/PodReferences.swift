import JSON

/// The secrets, service accounts and programs that a pod template refers to, anywhere in it.
struct PodReferences {
    /// A name, and where in the template it stands.
    struct Reference {
        var name: String
        var path: [PathElement]
    }

    private(set) var secrets: [Reference] = []
    private(set) var serviceAccounts: [Reference] = []
    /// `command[0]` of containers, of their hooks and of their probes.
    private(set) var programs: [Reference] = []

    init(_ template: JSONValue?) {
        guard let spec = template?["spec"] else { return }
        let path: [PathElement] = [.field("spec")]
        for field in ["serviceAccountName", "serviceAccount"] {
            add(spec[field], at: path + [.field(field)], to: \.serviceAccounts)
        }
        each(spec["imagePullSecrets"], path + [.field("imagePullSecrets")]) { entry, path, references in
            references.add(entry["name"], at: path + [.field("name")], to: \.secrets)
        }
        each(spec["volumes"], path + [.field("volumes")]) { volume, path, references in
            references.takeIn(volume: volume, path)
        }
        for container in PodContainer.all(of: template) { takeIn(container) }
    }

    private mutating func add(
        _ name: JSONValue?, at path: [PathElement], to list: WritableKeyPath<PodReferences, [Reference]>
    ) {
        if case .string(let name)? = name { self[keyPath: list].append(Reference(name: name, path: path)) }
    }

    /// A name some fields below.
    private mutating func addSecret(_ fields: [String], of value: JSONValue, _ path: [PathElement]) {
        let found = fields.reduce(JSONValue?.some(value)) { $0?[$1] }
        add(found, at: path + fields.map { .field($0) }, to: \.secrets)
    }

    private mutating func each(
        _ list: JSONValue?, _ path: [PathElement], _ take: (JSONValue, [PathElement], inout PodReferences) -> Void
    ) {
        for (index, item) in list.elements.enumerated() { take(item, path + [.index(index)], &self) }
    }

    private mutating func takeIn(volume: JSONValue, _ path: [PathElement]) {
        each(volume["projected"]?["sources"], path + [.field("projected"), .field("sources")]) {
            $2.addSecret(["secret", "name"], of: $0, $1)
        }
        // Storage drivers name secrets in several fields: `secretRef`, `nodePublishSecretRef`, `secretName` of azureFile.
        for (name, kind) in volume.members.sorted(by: { $0.key < $1.key }) {
            for field in ["secretRef", "nodePublishSecretRef", "nodeStageSecretRef"] {
                addSecret([field, "name"], of: kind, path + [.field(name)])
            }
            addSecret(["secretName"], of: kind, path + [.field(name)])
        }
    }

    private mutating func takeIn(_ container: PodContainer) {
        let whole = JSONValue.object(container.fields)
        each(whole["env"], container.path + [.field("env")]) {
            $2.addSecret(["valueFrom", "secretKeyRef", "name"], of: $0, $1)
        }
        each(whole["envFrom"], container.path + [.field("envFrom")]) {
            $2.addSecret(["secretRef", "name"], of: $0, $1)
        }
        add(program: ["command"], of: whole, container.path)
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            add(program: [probe, "exec", "command"], of: whole, container.path)
        }
        for hook in ["postStart", "preStop"] {
            add(program: ["lifecycle", hook, "exec", "command"], of: whole, container.path)
        }
    }

    private mutating func add(program fields: [String], of container: JSONValue, _ path: [PathElement]) {
        let command = fields.reduce(JSONValue?.some(container)) { $0?[$1] }
        add(command.elements.first, at: path + fields.map { .field($0) } + [.index(0)], to: \.programs)
    }
}
