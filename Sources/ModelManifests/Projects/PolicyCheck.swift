/// Checks one deployment against its project's rules. Reports every violation, each at its place.
struct PolicyCheck {
    let rules: ProjectRules
    let deployment: ModelDeployment
    let written: DeploymentAsWritten
    /// The runtime that `spec.runtime.name` names; nil where the runtime is written inline.
    private let base: ParsedRuntime?
    private var diagnostics: [Diagnostic] = []

    /// - Returns: the violations; empty where the policy allows everything.
    static func diagnostics(
        of deployment: ModelDeployment, written: DeploymentAsWritten, base: ParsedRuntime?, by rules: ProjectRules
    ) -> [Diagnostic] {
        guard !rules.refusesNothing else { return [] }
        var check = PolicyCheck(rules: rules, deployment: deployment, written: written, base: base)
        check.checkPlace()
        check.checkPorts()
        check.checkModel()
        check.checkRuntime()
        check.checkGates()
        check.checkSecrets()
        check.checkPods()
        check.checkContainers()
        check.checkLimits()
        return check.diagnostics
    }

    private init(rules: ProjectRules, deployment: ModelDeployment, written: DeploymentAsWritten, base: ParsedRuntime?) {
        self.rules = rules
        self.deployment = deployment
        self.written = written
        self.base = base
    }

    mutating func refuse(_ violation: Violation?, at path: String, _ place: SourcePlace) {
        guard let violation else { return }
        diagnostics.append(
            Diagnostic(
                file: written.place.file, line: place.line, column: place.column, path: path,
                message: violation.message(project: rules.project), suggestion: violation.suggestion,
                deployment: deployment.key))
    }

    private mutating func checkPlace() {
        refuse(
            rules.problem(withNamespace: deployment.key.namespace), at: "metadata.namespace", written.namespacePlace)
        guard let targets = rules.policy.targets,
            !targets.contains(where: { $0.allows(deployment.target, onlyCluster: rules.onlyCluster) })
        else { return }
        refuse(
            Violation(
                "targets", "the project may not serve at \(deployment.target)",
                allows: targets.map(\.description)), at: "spec.target", written.targetPlace)
    }

    private mutating func checkPorts() {
        guard let allowed = rules.policy.endpointPorts else { return }
        for claim in written.wantedPorts where !allowed.contains(where: { $0.contains(claim.port) }) {
            refuse(
                Violation(
                    "endpointPorts", "the project may not use port \(claim.port)",
                    allows: allowed.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }),
                at: claim.path, claim.place)
        }
    }

    private mutating func checkModel() {
        guard let roots = rules.policy.modelSources, let uri = deployment.template.model.storageURI,
            !roots.contains(where: { $0.contains(uri) })
        else { return }
        refuse(
            Violation(
                "modelSources", "'\(uri.shortened)' is not below any of the project's model sources",
                allows: roots.map(\.description)), at: "spec.model.storageUri", written.storagePlace)
    }

    // MARK: Runtime and gates

    private mutating func checkRuntime() {
        if let allowed = rules.policy.runtimes {
            let name = written.runtimeName
            if name.map(allowed.contains) != true {
                refuse(
                    Violation(
                        "runtimes",
                        name.map { "the project may not use the runtime '\($0)'" }
                            ?? "the runtime is written inline, but the project may only use named runtimes",
                        allows: allowed), at: "spec.runtime\(name == nil ? "" : ".name")", written.runtimeNamePlace)
            }
        }
        guard !rules.allowsOtherCode else { return }
        let isPreset = base?.isPreset == true
        if !isPreset || written.overridesRuntime("command"), let program = deployment.template.runtime.command.first {
            let noun = base.map { "the ServingRuntime '\($0.key.name)' (\($0.place))" } ?? "the runtime"
            let isOwn = written.overridesRuntime("command")
            refuse(
                rules.problem(withProgram: program, of: isOwn ? "the runtime" : noun),
                at: isOwn ? "spec.runtime.command" : "spec.runtime.name",
                isOwn ? written.runtimePlace("command") : written.runtimeNamePlace)
        }
        checkImage(isPreset: isPreset)
        if isPreset, rules.policy.commands == .deny, written.overridesRuntime("args"),
            !written.overridesRuntime("command")
        {
            refuse(
                Violation(
                    "commands", "changes the arguments of the preset, but the project denies commands",
                    allows: nil), at: "spec.runtime.args", written.runtimePlace("args"))
        }
        for variable in deployment.template.runtime.env where CodeLoading.isDangerous(variable.name) {
            refuse(
                Violation(
                    "commands",
                    "the variable \(variable.name) can make a program load other code, but the project limits commands",
                    allows: nil), at: "spec.runtime.env", written.runtimePlace("env"))
        }
    }

    /// A preset's image is mlctl's choice; any other image comes from somebody who can commit.
    private mutating func checkImage(isPreset: Bool) {
        let isOwn = written.overridesRuntime("image")
        guard deployment.target != .local, !isPreset || isOwn, let image = deployment.template.runtime.image else {
            return
        }
        let noun = base.map { "the ServingRuntime '\($0.key.name)' (\($0.place))" } ?? "the runtime"
        refuse(
            rules.problem(withImage: image, of: isOwn ? "the runtime" : noun),
            at: isOwn ? "spec.runtime.image" : "spec.runtime.name",
            isOwn ? written.runtimePlace("image") : written.runtimeNamePlace)
    }

    private mutating func checkGates() {
        guard !rules.allowsOtherCode else { return }
        for gate in deployment.rollout.gates {
            let place = written.gatePlace(gate.name)
            switch gate.kind {
            case .check(let check):
                refuse(
                    check.command.first.flatMap { rules.problem(withProgram: $0, of: "the check gate '\(gate.name)'") },
                    at: place.path, place.place)
                if deployment.target != .local, let image = check.image {
                    refuse(
                        rules.problem(withImage: image, of: "the check gate '\(gate.name)'"), at: place.path,
                        place.place)
                }
                for variable in check.env where CodeLoading.isDangerous(variable.name) {
                    refuse(
                        Violation(
                            "commands",
                            "the variable \(variable.name) of the check gate '\(gate.name)' can make a program load other "
                                + "code, but the project limits commands", allows: nil), at: place.path, place.place)
                }
            case .threshold, .compare, .goal:
                for source in gate.askedSources {
                    guard let program = rules.commandSources[source] else { continue }
                    refuse(
                        rules.problem(withProgram: program, of: "the source '\(source)' of the gate '\(gate.name)'"),
                        at: place.path, place.place)
                }
            case .cost, .distribution, .drift, .agreement, .contract: break
            }
        }
    }

    // MARK: Secrets, pods and limits

    private mutating func checkSecrets() {
        guard let allowed = rules.policy.secrets else { return }
        func violation(_ name: String) -> Violation? {
            guard !allowed.contains(name) else { return nil }
            return Violation("secrets", "the project may not use the secret '\(name.shortened)'", allows: allowed)
        }
        let runtime = deployment.template.runtime
        for name in runtime.env.secretNames {
            refuse(violation(name), at: "spec.runtime.env", written.runtimePlace("env"))
        }
        for name in runtime.pod?.imagePullSecrets ?? [] {
            refuse(violation(name), at: "spec.runtime.imagePullSecrets", written.runtimePlace("imagePullSecrets"))
        }
        for name in PodReferences(runtime.pod?.template).secrets.sorted() {
            refuse(violation(name), at: "spec.runtime.podTemplate", written.runtimePlace("podTemplate"))
        }
        for gate in deployment.rollout.gates {
            guard case .check(let check) = gate.kind else { continue }
            let place = written.gatePlace(gate.name)
            for name in check.env.secretNames { refuse(violation(name), at: place.path, place.place) }
        }
    }

    private mutating func checkPods() {
        guard deployment.target != .local else { return }
        let pod = deployment.template.runtime.pod
        let references = PodReferences(pod?.template)
        if let allowed = rules.policy.serviceAccounts {
            for name in ([pod?.serviceAccountName].compactMap(\.self) + references.serviceAccounts)
            where !allowed.contains(name) {
                let field = pod?.serviceAccountName == name ? "serviceAccountName" : "podTemplate"
                refuse(
                    Violation(
                        "serviceAccounts", "the project may not use the service account '\(name.shortened)'",
                        allows: allowed), at: "spec.runtime.\(field)", written.runtimePlace(field))
            }
        }
        if let pod, pod.security.isLooser(than: rules.policy.podSecurity) {
            refuse(
                Violation(
                    "podSecurity",
                    "its pods are '\(pod.security.rawValue)', but the project allows '\(rules.policy.podSecurity.rawValue)' at most",
                    allows: PodSettings.Security.allCases.filter { !$0.isLooser(than: rules.policy.podSecurity) }
                        .map(\.rawValue)), at: "spec.runtime.podSecurity", written.runtimePlace("podSecurity"))
        }
        for program in references.programs {
            refuse(
                rules.problem(withProgram: program, of: "a container of the pod"), at: "spec.runtime.podTemplate",
                written.runtimePlace("podTemplate"))
        }
    }

    private mutating func checkLimits() {
        let limits = rules.policy.limits
        var demand = ProjectDemand(replicas: deployment.replicas, of: deployment.template)
        demand.deployments = 1
        for text in limits.excess(of: demand) {
            refuse(
                Violation("limits", "this deployment alone needs more than the project may have: \(text)", allows: nil),
                at: "spec",
                written.namePlace)
        }
        for (container, name) in PodDemand(deployment.template).unlimited where limits.isLimited(name) {
            let isServer = container == PodTemplateRules.server
            let owner = isServer ? "an instance" : "the container '\(container.shortened)' of its pods"
            refuse(
                Violation(
                    "limits", "the project limits \(name), but \(owner) has no limit: add resources.limits.\(name)",
                    allows: nil), at: isServer ? "spec.resources" : "spec.runtime.podTemplate",
                isServer ? written.resourcesPlace : written.runtimePlace("podTemplate"))
        }
        if deployment.scaling == .external, limits.replicas != nil || limits.resources != ResourceAmounts() {
            refuse(
                Violation(
                    "limits",
                    "'external' lets others set the number of replicas, but the project limits it: write a number",
                    allows: nil), at: "spec.replicas", written.replicasPlace)
        }
        let claims = deployment.template.runtime.pod?.template?["spec"]?["resourceClaims"]
        if !limits.resources.extended.isEmpty, !claims.elements.isEmpty {
            refuse(
                Violation(
                    "limits", "claims devices with resourceClaims, which limits do not count: use resources.limits",
                    allows: nil), at: "spec.runtime.podTemplate", written.runtimePlace("podTemplate"))
        }
    }
}

/// Variables that can make an allowed program run other code.
enum CodeLoading {
    private static let names: Set<String> = [
        "PATH", "BASH_ENV", "ENV", "SHELLOPTS", "PS4", "IFS", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP",
        "PYTHONINSPECT",
        "PYTHONUSERBASE", "PYTHONBREAKPOINT", "PYTHONPLATLIBDIR", "PYTHONCASEOK", "PYTHONWARNINGS", "NODE_OPTIONS",
        "NODE_PATH", "PERL5OPT", "PERL5LIB", "PERLLIB", "PERL5DB", "RUBYOPT", "RUBYLIB", "JAVA_TOOL_OPTIONS",
        "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH", "GCONV_PATH", "LOCPATH", "NLSPATH", "HOSTALIASES",
        "GIO_EXTRA_MODULES", "OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES", "SSLKEYLOGFILE", "MALLOC_TRACE",
        "R_PROFILE", "R_PROFILE_USER", "R_ENVIRON", "JULIA_LOAD_PATH", "JULIA_DEPOT_PATH", "LUA_INIT", "HOME", "TMPDIR",
        "MLSERVER_MODEL_IMPLEMENTATION", "MLSERVER_MODEL_REPOSITORY_IMPLEMENTATION", "MLSERVER_ENVIRONMENTS_DIR",
        "VLLM_PLUGINS", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "EDITOR", "PAGER", "DOTNET_STARTUP_HOOKS",
    ]
    private static let prefixes = ["LD_", "DYLD_", "GLIBC_", "GIT_", "BASH_FUNC_", "LUA_INIT_", "CORECLR_", "COR_"]

    static func isDangerous(_ name: String) -> Bool {
        names.contains(name) || prefixes.contains { name.hasPrefix($0) }
    }
}

extension PodSettings.Security {
    /// 0 is the strictest.
    private var looseness: Int {
        switch self {
        case .restricted: 0
        case .baseline: 1
        case .privileged: 2
        }
    }

    func isLooser(than other: Self) -> Bool { looseness > other.looseness }
}

extension [EnvironmentVariable] {
    var secretNames: [String] {
        compactMap { if case .secret(let name) = $0.value { name } else { nil } }
    }
}

extension GateSpec {
    /// The sources that the gate asks, by their names in the settings.
    var askedSources: [String] {
        switch kind {
        case .threshold(let gate): if case .query(let query) = gate.measure { [query.source] } else { [] }
        case .compare(let gate): [gate.source]
        case .goal(let gate): [gate.quantity.source]
        case .cost, .distribution, .drift, .agreement, .check, .contract: []
        }
    }
}
