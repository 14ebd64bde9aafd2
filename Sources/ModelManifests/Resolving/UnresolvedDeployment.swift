import JSON

/// A ModelDeployment before its references are resolved.
struct UnresolvedDeployment: Sendable {
    let key: DeploymentKey
    let place: DocumentPlace
    let labels: [String: String]
    let spec: WrittenDeployment
    /// The names of the GateTemplates that it refers to.
    let templateNames: [String]
    /// The ports of this machine that it asks for.
    let wantedPorts: [RequestedPort]
    /// The place of `metadata.name`.
    let namePlace: SourcePlace
    let namespacePlace: SourcePlace
    let targetPlace: SourcePlace
    let storagePlace: SourcePlace
    let resourcesPlace: SourcePlace
    let replicasPlace: SourcePlace
    let endpointNode: SourceNode?
    private let runtimeNode: SourceNode
    private let modelCanonical: JSONValue
    private let resourcesCanonical: JSONValue?
    /// All of `spec`; nil for a target that shows it to nobody.
    private let specCanonical: String?

    init(
        _ manifest: WrittenManifest<WrittenDeployment>, called key: DeploymentKey, node: SourceNode, file: String
    ) {
        self.key = key
        place = DocumentPlace(file: file, line: node.place.line)
        labels = manifest.metadata.labels
        spec = manifest.spec
        templateNames = manifest.spec.rollout.definedGates.compactMap(\.template)
        let specNode = node["spec"]
        wantedPorts = RequestedPort.of(manifest.spec, at: specNode)
        namePlace = node["metadata"]?["name"]?.place ?? node.place
        namespacePlace = node["metadata"]?["namespace"]?.place ?? namePlace
        targetPlace = specNode?["target"]?.place ?? namePlace
        storagePlace = specNode?["model"]?["storageUri"]?.place ?? specNode?["model"]?.place ?? namePlace
        resourcesPlace = specNode?["resources"]?.place ?? namePlace
        replicasPlace = specNode?["replicas"]?.place ?? namePlace
        endpointNode = specNode?["endpoint"]
        runtimeNode = specNode?["runtime"] ?? SourceNode(content: .mapping([]), place: node.place)
        modelCanonical = specNode?["model"].map(ModelFields.canonical) ?? .object([:])
        resourcesCanonical = specNode?["resources"].map(ResourceFields.shape.canonical)
        specCanonical =
            manifest.spec.target == .local
            ? nil : specNode.map { CanonicalJSON.text(DeploymentFields.spec.canonical($0)) }
    }

    var runtimeName: String? { spec.runtime.name }

    var isInCluster: Bool { spec.target != .local }

    /// The names of the PredictionProfiles that its gates refer to, with those gates.
    func profileNames(template: (String) -> WrittenGateKind?) -> [(name: String, gate: WrittenGate)] {
        spec.rollout.definedGates.compactMap { gate in
            (gate.kind ?? gate.template.flatMap(template))?.profile.map { ($0, gate) }
        }
    }

    /// Resolves the references.
    ///
    /// - Parameters:
    ///   - base: the runtime that `spec.runtime.name` names.
    ///   - references: the objects that its gates name.
    func resolved(runtime base: ParsedRuntime?, _ references: References) -> Resolution {
        var reading = DocumentReading(file: place.file, path: [.field("spec"), .field("runtime")])
        let (runtime, canonical) = resolvedRuntime(over: base, &reading)
        let problems =
            reading.diagnostics.map { $0.about(key) } + routerProblems(references) + podProblems(runtime, over: base)
        guard let runtime, problems.isEmpty else { return .refused(problems) }
        var template: [String: JSONValue] = ["model": modelCanonical, "runtime": canonical]
        template["resources"] = resourcesCanonical
        var endpoint = spec.endpoint
        endpoint.drain = spec.drain
        endpoint.routing = spec.traffic.routing
        endpoint.keepsUsers = spec.rollout.spec.strategy == .ab
        endpoint.observe = spec.traffic.observe ?? []
        endpoint.generate = spec.traffic.generate
        if endpoint.generate?.path == nil { endpoint.generate?.path = "/v2/models/\(key.name)/infer" }
        var rollout = spec.rollout.resolved(
            kind: { references.kind(of: $0)?.looking(at: spec.traffic.observe ?? []) },
            hasSyntheticTraffic: spec.traffic.generate != nil)
        if spec.traffic.observe == nil, runtime.speaksOpenInference, spec.target.otherRouter == nil,
            rollout.canWatchByDefault
        {
            endpoint.observe = [DefaultPredictionGate.observation]
            rollout.gates.append(DefaultPredictionGate.gate)
        }
        if ModelDeployment.whyNoSlice(rollout, endpoint.routing, replicas: spec.replicas.count) == nil {
            endpoint.slices = rollout.slices
        }
        let deployment = ModelDeployment(
            key: key, labels: labels,
            template: ServingTemplate(
                model: spec.model.source, runtime: runtime, resources: spec.resources,
                canonical: CanonicalJSON.text(.object(template))),
            lineage: spec.model.lineage, target: spec.target, replicas: spec.replicas.count,
            scaling: spec.replicas.scaling, endpoint: endpoint, rollout: rollout,
            dependsOn: spec.dependsOn.map {
                DeploymentKey(namespace: $0.namespace ?? key.namespace, name: $0.name)
            },
            suspend: spec.suspend, written: specCanonical)
        return .resolved(deployment)
    }

    private func resolvedRuntime(
        over base: ParsedRuntime?, _ reading: inout DocumentReading
    ) -> (runtime: Runtime?, canonical: JSONValue) {
        let overrides = RuntimeOverlay.overrides(runtimeNode)
        var runtime: Runtime?
        let canonical: JSONValue
        if let base {
            if overrides.isEmpty {
                runtime = base.runtime
                canonical = base.canonical
            } else {
                let merged = RuntimeOverlay.merged(base: base.node, overrides: overrides, place: runtimeNode.place)
                runtime = RuntimeFields.servingRuntime.read(merged, &reading)
                let own = SourceNode(content: .mapping(overrides), place: runtimeNode.place)
                canonical =
                    base.isPreset
                    ? RuntimeFields.servingRuntime.canonical(own).merging(["preset": .string(base.key.name)])
                    : RuntimeFields.servingRuntime.canonical(merged)
            }
        } else {
            runtime = spec.runtime
            canonical = RuntimeFields.servingRuntime.canonical(runtimeNode)
        }
        runtime?.name = runtimeName
        RuntimeRules.settlePorts(of: &runtime, at: runtimeNode.place, &reading)
        if base?.isPreset == true, case .kubernetes = spec.target { runtime?.bindToAllAddresses() }
        if let runtime {
            RuntimeRules.checkSecrets(of: runtime, at: runtimeNode.place, &reading)
            RuntimeRules.checkVariables(of: runtime, at: runtimeNode.place, &reading)
            RuntimeRules.checkStartable(of: runtime, at: spec.target, place: runtimeNode.place, &reading)
            if isInCluster { ClusterRules.checkPods(of: runtime, runtimeNode, &reading) }
        }
        return (runtime, canonical)
    }

    /// Where the pod template violates the level that the runtime declares, wherever the template is written.
    private func podProblems(_ runtime: Runtime?, over base: ParsedRuntime?) -> [Diagnostic] {
        guard isInCluster, let pod = runtime?.pod, pod.template != nil else { return [] }
        let own = runtimeNode["podTemplate"].flatMap { $0.isNull ? nil : $0 }
        let path: [PathElement] = own == nil ? [.field("spec")] : [.field("spec"), .field("runtime")]
        var reading = DocumentReading(
            file: own == nil ? base?.place.file ?? place.file : place.file, path: path + [.field("podTemplate")])
        if let template = own ?? base?.node["podTemplate"] {
            PodSecurityStandard.check(template, at: pod.security, &reading)
        }
        return reading.diagnostics.map { $0.about(key) }
    }

    /// What the router cannot judge in gates from templates; the other gates have been checked.
    private func routerProblems(_ references: References) -> [Diagnostic] {
        spec.rollout.definedGates.compactMap { gate in
            guard gate.template != nil, let name = gate.name, let kind = references.kind(of: gate),
                let problem = RouterRules.problem(of: GateSpec(name: name, kind: kind), at: spec.target)
            else { return nil }
            return Diagnostic(
                file: place.file, line: gate.place.line, column: gate.place.column, path: PathElement.text(gate.path),
                message: problem.message, suggestion: problem.suggestion, deployment: key)
        }
    }

    /// The place for diagnostics about the runtime's name.
    var runtimeNamePlace: SourcePlace { runtimeNode["name"]?.place ?? runtimeNode.place }

    /// Whether `spec.runtime` gives the field itself.
    func overridesRuntime(_ field: String) -> Bool { runtimeNode[field].map { !$0.isNull } ?? false }

    /// Where a field of the runtime stands, as deep as it is written here; or the name of the runtime that it comes from.
    func runtimePlace(_ path: [PathElement]) -> (path: String, place: SourcePlace, isInherited: Bool) {
        let runtime: [PathElement] = [.field("spec"), .field("runtime")]
        guard case .field(let first)? = path.first else { return (PathElement.text(runtime), runtimeNamePlace, false) }
        guard first == "name" || overridesRuntime(first) else {
            return (PathElement.text(runtime + [.field("name")]), runtimeNamePlace, true)
        }
        var node = runtimeNode
        var (place, walked) = (runtimeNamePlace, runtime)
        for element in path {
            switch (element, node.content) {
            case (.field(let name), _):
                guard let entry = node.entry(name) else { return (PathElement.text(walked), place, false) }
                (node, place) = (entry.value, first == "name" ? entry.value.place : entry.keyPlace)
            case (.index(let index), .sequence(let items)) where items.indices.contains(index):
                (node, place) = (items[index], items[index].place)
            case (.index, _): return (PathElement.text(walked), place, false)
            }
            walked.append(element)
        }
        return (PathElement.text(walked), place, false)
    }

    /// Where a variable stands in the manifest's own list.
    func variablePath(_ name: String) -> [PathElement] {
        guard case .sequence(let items)? = runtimeNode["env"]?.content,
            let index = items.lastIndex(where: { $0["name"]?.text == name })
        else { return [] }
        return [.index(index)]
    }

    /// The place of a gate; for a default gate, the place of the deployment.
    func gatePlace(_ name: String) -> (path: String, place: SourcePlace) {
        guard let gate = spec.rollout.definedGates.first(where: { $0.name == name }) else {
            return ("spec.rollout.gates", namePlace)
        }
        return (PathElement.text(gate.path), gate.place)
    }
}

/// The objects that a deployment's gates refer to, by name.
struct References: Sendable {
    var templates: [String: ParsedGateTemplate] = [:]
    var profiles: [String: ParsedProfile] = [:]

    func kind(of gate: WrittenGate) -> GateSpec.Kind? {
        (gate.kind ?? gate.template.flatMap { templates[$0]?.kind })?.resolved { profiles[$0]?.profile }
    }
}

/// Merges inline fields over those of a ServingRuntime.
enum RuntimeOverlay {
    static func overrides(_ runtime: SourceNode) -> [SourceNode.Entry] {
        guard case .mapping(let entries) = runtime.content else { return [] }
        return entries.filter { $0.key != "name" && !$0.value.isNull }
    }

    /// An inline field replaces the base's field, except that `env` is merged by the variables' names, and `probes` by the kind
    /// of
    /// probe.
    static func merged(base: SourceNode, overrides: [SourceNode.Entry], place: SourcePlace) -> SourceNode {
        guard case .mapping(var entries) = base.content else {
            return SourceNode(content: .mapping(overrides), place: place)
        }
        let graceSpellings = ["terminationGracePeriod", "terminationGracePeriodSeconds"]
        if overrides.contains(where: { graceSpellings.contains($0.key) }) {
            entries.removeAll { graceSpellings.contains($0.key) }
        }
        for override in overrides {
            guard let index = entries.firstIndex(where: { $0.key == override.key }) else {
                entries.append(override)
                continue
            }
            switch override.key {
            case "env": entries[index].value = mergedByName(entries[index].value, override.value)
            case "probes": entries[index].value = mergedByKey(entries[index].value, override.value)
            default: entries[index].value = override.value
            }
        }
        return SourceNode(content: .mapping(entries), place: place)
    }

    private static func mergedByKey(_ base: SourceNode, _ own: SourceNode) -> SourceNode {
        guard case .mapping(let baseEntries) = base.content, case .mapping(let ownEntries) = own.content else {
            return own
        }
        let kept = baseEntries.filter { entry in !ownEntries.contains { $0.key == entry.key && !$0.value.isNull } }
        return SourceNode(content: .mapping(kept + ownEntries.filter { !$0.value.isNull }), place: own.place)
    }

    private static func mergedByName(_ base: SourceNode, _ own: SourceNode) -> SourceNode {
        guard case .sequence(var items) = base.content, case .sequence(let ownItems) = own.content else { return own }
        for item in ownItems {
            if let index = items.firstIndex(where: { $0["name"]?.text == item["name"]?.text }) {
                items[index] = item
            } else {
                items.append(item)
            }
        }
        return SourceNode(content: .sequence(items), place: own.place)
    }
}
