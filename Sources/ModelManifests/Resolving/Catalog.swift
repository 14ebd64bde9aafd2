/// Everything that manifests can refer to, by namespace and name.
struct Catalog {
    private var runtimes: [DeploymentKey: ParsedRuntime] = [:]
    private var templates: [DeploymentKey: ParsedGateTemplate] = [:]
    private var profiles: [DeploymentKey: ParsedProfile] = [:]

    /// Objects that are described more than once: deployments that refer to them are held.
    private var ambiguous: Set<ObjectIdentifier> = []

    init(files: [ParsedFile], _ diagnostics: inout [Diagnostic]) {
        for file in files {
            for runtime in file.runtimes {
                if let first = runtimes[runtime.key] {
                    ambiguous.insert(ObjectIdentifier(first))
                    diagnostics += Self.twice("ServingRuntime", runtime.key, first.place, runtime.place)
                } else {
                    runtimes[runtime.key] = runtime
                }
            }
            for template in file.gateTemplates {
                if let first = templates[template.key] {
                    ambiguous.insert(ObjectIdentifier(first))
                    diagnostics += Self.twice("GateTemplate", template.key, first.place, template.place)
                } else {
                    templates[template.key] = template
                }
            }
            for profile in file.profiles {
                if let first = profiles[profile.key] {
                    ambiguous.insert(ObjectIdentifier(first))
                    diagnostics += Self.twice("PredictionProfile", profile.key, first.place, profile.place)
                } else {
                    profiles[profile.key] = profile
                }
            }
        }
    }

    func runtime(_ name: String, in namespace: String) -> ParsedRuntime? {
        runtimes[DeploymentKey(namespace: namespace, name: name)]
    }

    func template(_ name: String, in namespace: String) -> ParsedGateTemplate? {
        templates[DeploymentKey(namespace: namespace, name: name)]
    }

    func templates(of written: UnresolvedDeployment, in namespace: String) -> [ParsedGateTemplate] {
        written.templateNames.compactMap { template($0, in: namespace) }
    }

    func profiles(of written: UnresolvedDeployment, in namespace: String) -> [ParsedProfile] {
        written.profileNames { template($0, in: namespace)?.kind }.compactMap { profile($0.name, in: namespace) }
    }

    func profile(_ name: String, in namespace: String) -> ParsedProfile? {
        profiles[DeploymentKey(namespace: namespace, name: name)]
    }

    /// Problems with references: the object does not exist or cannot be used.
    func problems(of written: UnresolvedDeployment, in namespace: String, runtime: ParsedRuntime?) -> [Diagnostic] {
        var problems: [Diagnostic] = []
        func add(_ message: String, _ path: String, _ place: SourcePlace, _ suggestion: String?) {
            problems.append(
                Diagnostic(
                    file: written.place.file, line: place.line, column: place.column, path: path, message: message,
                    suggestion: suggestion, deployment: written.key))
        }
        if let name = written.runtimeName, runtime.map({ !$0.isValid || isAmbiguous($0) }) ?? true {
            let names = Self.names(runtimes.keys, in: namespace) + RuntimePresets.all.keys.sorted()
            if let runtime {
                add(
                    "the ServingRuntime '\(name)' cannot be used: it has errors or is described twice (\(runtime.place))",
                    "spec.runtime.name",
                    written.runtimeNamePlace, "fix it first")
            } else {
                add(
                    "ServingRuntime '\(name)' does not exist in namespace '\(namespace)'", "spec.runtime.name",
                    written.runtimeNamePlace,
                    DidYouMean.suggestion(for: name, among: names, noun: "the runtimes are"))
            }
        }
        for (name, gate) in written.profileNames(template: { self.template($0, in: namespace)?.kind }) {
            let profile = profile(name, in: namespace)
            let path = PathElement.text(gate.path + [.field("drift"), .field("profile")])
            guard profile.map({ $0.profile == nil || isAmbiguous($0) }) ?? true else {
                let kind = (gate.kind ?? gate.template.flatMap { self.template($0, in: namespace)?.kind })?.kind
                guard case .drift(let drift)? = kind?.looking(at: written.spec.traffic.observe ?? []),
                    let buckets = drift.buckets, let recorded = profile?.profile?.buckets, recorded != buckets
                else { continue }
                add(
                    "the PredictionProfile '\(name)' has different buckets than the observation '\(drift.observe)'",
                    path,
                    gate.place, "create it again: mlctl profile … \(buckets.profileOption)")
                continue
            }
            let names = Self.names(profiles.keys, in: namespace)
            add(
                profile == nil
                    ? "PredictionProfile '\(name)' does not exist in namespace '\(namespace)'"
                    : "the PredictionProfile '\(name)' cannot be used: it has errors or is described twice",
                path, gate.place,
                DidYouMean.suggestion(for: name, among: names, noun: "the profiles are")
                    ?? "create one with 'mlctl profile'")
        }
        guard !written.templateNames.isEmpty else { return problems }
        for gate in written.spec.rollout.definedGates {
            guard let name = gate.template else { continue }
            let template = template(name, in: namespace)
            guard template.map({ $0.kind == nil || isAmbiguous($0) }) ?? true else { continue }
            if let template {
                add(
                    "the GateTemplate '\(name)' cannot be used: it has errors or is described twice (\(template.place))",
                    PathElement.text(gate.path + [.field("template")]), gate.place,
                    "fix it first")
            } else {
                let names = Self.names(templates.keys, in: namespace)
                add(
                    "GateTemplate '\(name)' does not exist in namespace '\(namespace)'",
                    PathElement.text(gate.path + [.field("template")]),
                    gate.place,
                    DidYouMean.suggestion(for: name, among: names, noun: "the templates are")
                        ?? "add it, or write the gate inline")
            }
        }
        return problems
    }

    func isAmbiguous(_ described: AnyObject) -> Bool {
        !ambiguous.isEmpty && ambiguous.contains(ObjectIdentifier(described))
    }

    private static func names(_ keys: some Sequence<DeploymentKey>, in namespace: String) -> [String] {
        keys.filter { $0.namespace == namespace }.map(\.name).sorted()
    }

    private static func twice(
        _ kind: String, _ key: DeploymentKey, _ first: DocumentPlace, _ second: DocumentPlace
    ) -> [Diagnostic] {
        [(first, second), (second, first)].map { place, other in
            Diagnostic(
                file: place.file, line: place.line, column: 1, path: "metadata.name",
                message: "the \(kind) \(key) is also described by \(other)",
                suggestion: "keep one of them, or rename one")
        }
    }
}
