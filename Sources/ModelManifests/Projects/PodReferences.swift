import JSON

/// The secrets, service accounts and programs that a pod template refers to, anywhere in it.
struct PodReferences {
    private(set) var secrets: Set<String> = []
    private(set) var serviceAccounts: [String] = []
    /// `command[0]` of containers, of their hooks and of their probes.
    private(set) var programs: [String] = []

    init(_ template: JSONValue?) {
        guard let spec = template?["spec"] else { return }
        for field in ["serviceAccountName", "serviceAccount"] {
            if case .string(let name)? = spec[field], !serviceAccounts.contains(name) { serviceAccounts.append(name) }
        }
        for entry in spec["imagePullSecrets"].items { add(secret: entry["name"]) }
        for volume in spec["volumes"].items { takeIn(volume: volume) }
        for list in ["containers", "initContainers", "ephemeralContainers"] {
            for container in spec[list].items { takeIn(container: container) }
        }
    }

    private mutating func add(secret name: JSONValue?) {
        if case .string(let name)? = name { secrets.insert(name) }
    }

    private mutating func takeIn(volume: JSONValue) {
        add(secret: volume["secret"]?["secretName"])
        for source in (volume["projected"]?["sources"]).items { add(secret: source["secret"]?["name"]) }
        // Storage drivers name secrets in several fields: `secretRef`, `nodePublishSecretRef`, `secretName` of azureFile.
        guard case .object(let kinds) = volume else { return }
        for (_, kind) in kinds {
            for field in ["secretRef", "nodePublishSecretRef", "nodeStageSecretRef"] {
                add(secret: kind[field]?["name"])
            }
            add(secret: kind["secretName"])
        }
    }

    private mutating func takeIn(container: JSONValue) {
        for variable in container["env"].items { add(secret: variable["valueFrom"]?["secretKeyRef"]?["name"]) }
        for source in container["envFrom"].items { add(secret: source["secretRef"]?["name"]) }
        add(program: container["command"])
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            add(program: container[probe]?["exec"]?["command"])
        }
        for hook in ["postStart", "preStop"] { add(program: container["lifecycle"]?[hook]?["exec"]?["command"]) }
    }

    private mutating func add(program command: JSONValue?) {
        if case .string(let program)? = command.items.first { programs.append(program) }
    }
}

extension JSONValue? {
    fileprivate var items: [JSONValue] { elements }
}
