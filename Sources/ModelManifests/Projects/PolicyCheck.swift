/// Holds one deployment against its project's rules. Every violation is found. Pure: what is refused is placed by who has the
/// manifest (`UnresolvedDeployment.diagnostic`).
struct PolicyCheck {
    let rules: ProjectRules
    let deployment: ModelDeployment
    let origin: RuntimeOrigin
    private var violations: [Violation] = []

    /// - Returns: the violations; empty where the policy allows everything.
    static func violations(
        of deployment: ModelDeployment, by rules: ProjectRules, origin: @autoclosure () -> RuntimeOrigin
    ) -> [Violation] {
        // Without a rule every address but the loopback is refused.
        guard !rules.compiled.refusesNothing || deployment.endpoint.leavesLoopback else { return [] }
        var check = PolicyCheck(rules: rules, deployment: deployment, origin: origin())
        check.checkPlace()
        check.checkPorts()
        check.checkEndpoint()
        check.checkModel()
        check.checkRuntime()
        check.checkGates()
        check.checkSecrets()
        check.checkPods()
        check.checkContainers()
        check.checkLimits()
        return check.violations
    }

    private init(rules: ProjectRules, deployment: ModelDeployment, origin: RuntimeOrigin) {
        self.rules = rules
        self.deployment = deployment
        self.origin = origin
    }

    mutating func refuse(_ violation: Violation?, at site: Violation.Site) {
        guard var violation else { return }
        violation.site = site
        violations.append(violation)
    }

    mutating func refuse(_ rule: String, _ text: String, at site: Violation.Site) {
        refuse(Violation(rule, text, allows: nil), at: site)
    }

    private mutating func checkPlace() {
        refuse(rules.problem(withNamespace: deployment.key.namespace), at: .namespace)
        guard let targets = rules.policy.targets,
            !targets.contains(where: { $0.allows(deployment.target, onlyCluster: rules.onlyCluster) })
        else { return }
        refuse(
            Violation(
                "targets", "the project may not serve at \(deployment.target)",
                allows: targets.map(\.description)), at: .target)
    }

    private mutating func checkPorts() {
        guard let allowed = rules.policy.endpointPorts, deployment.target == .local else { return }
        let claims: [(Int?, Violation.Site)] = [
            (deployment.endpoint.port, .endpointPort), (deployment.rollout.preview?.port, .previewPort),
        ]
        for case (let port?, let site) in claims where !allowed.contains(where: { $0.contains(port) }) {
            refuse(
                Violation(
                    "endpointPorts", "the project may not use port \(port)",
                    allows: allowed.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }),
                at: site)
        }
    }

    private mutating func checkModel() {
        guard let roots = rules.compiled.modelSources else { return }
        if let uri = deployment.template.model.storageURI, !roots.contains(uri) {
            refuse(
                Violation(
                    "modelSources", "'\(uri.shortened)' is not below any of the project's model sources",
                    allows: rules.policy.modelSources?.map(\.description)), at: .storage)
        }
        checkLoading()
    }

    /// How a preset is made to load another model than that of `spec.model`.
    private mutating func checkLoading() {
        if origin.isCommitted("env") {
            for variable in deployment.template.runtime.env
            where ModelLoading.isDangerous(variable.name) && !isOfPreset(variable) {
                refuse(
                    "modelSources",
                    "the variable \(variable.name) makes a server load another model, or from elsewhere",
                    at: .variable(variable.name))
            }
        }
        guard let preset = origin.preset.flatMap({ RuntimePresets.all[$0]?.runtime }) else { return }
        let runtime = deployment.template.runtime
        if origin.overrides("args"), let option = ModelLoading.option(in: runtime.args) {
            refuse(
                "modelSources", "the option '\(option.shortened)' makes the preset's server load another model",
                at: origin.site(of: "args"))
        }
        if origin.overrides("command"), runtime.command.dropFirst() != preset.command.dropFirst() {
            refuse(
                "modelSources",
                "another command than the preset's (… \(preset.command.dropFirst().joined(separator: " "))) may load "
                    + "another model", at: origin.site(of: "command"))
        }
    }

    /// It is what the preset says itself.
    private func isOfPreset(_ variable: EnvironmentVariable) -> Bool {
        origin.preset.flatMap { RuntimePresets.all[$0]?.runtime.env.contains(variable) } ?? false
    }

    // MARK: Runtime and gates

    private mutating func checkRuntime() {
        if let allowed = rules.compiled.runtimes {
            let name = deployment.template.runtime.name
            if name.map(allowed.contains) != true {
                refuse(
                    Violation(
                        "runtimes",
                        name.map { "the project may not use the runtime '\($0)'" }
                            ?? "the runtime is written inline, but the project may only use named runtimes",
                        allows: rules.policy.runtimes), at: .runtime(name == nil ? [] : [.field("name")]))
            }
        }
        guard !rules.allowsOtherCode else { return }
        let runtime = deployment.template.runtime
        if origin.isCommitted("command"), let program = runtime.command.first {
            refuse(
                rules.problem(withProgram: program, of: origin.noun(of: "command")), at: origin.site(of: "command"))
        }
        // A preset's own is mlctl's choice; any other comes from whoever may commit.
        if deployment.target != .local, origin.isCommitted("image"), let image = runtime.image {
            refuse(rules.problem(withImage: image, of: origin.noun(of: "image")), at: origin.site(of: "image"))
        }
        if origin.preset != nil, rules.policy.commands == .deny, origin.overrides("args"),
            !origin.overrides("command")
        {
            refuse(
                "commands", "changes the arguments of the preset, but the project denies commands",
                at: origin.site(of: "args"))
        }
        guard origin.isCommitted("env") else { return }
        for variable in runtime.env where CodeLoading.isDangerous(variable.name) {
            refuse(
                "commands",
                "the variable \(variable.name) can make a program load other code, but the project limits commands",
                at: .variable(variable.name))
        }
    }

    private mutating func checkGates() {
        for gate in deployment.rollout.gates {
            switch gate.kind {
            case .check(let check): refuseCheck(check, called: gate.name)
            case .threshold, .compare, .goal:
                guard !rules.allowsOtherCode, !rules.commandSources.isEmpty else { continue }
                for source in gate.askedSources {
                    guard let program = rules.commandSources[source] else { continue }
                    refuse(
                        rules.problem(withProgram: program, of: "the source '\(source)' of the gate '\(gate.name)'"),
                        at: .gate(gate.name))
                }
            case .cost, .distribution, .drift, .agreement, .contract: break
            }
        }
    }

    private mutating func refuseCheck(_ check: CheckGate, called name: String) {
        let noun = "the check gate '\(name)'"
        if !rules.allowsOtherCode {
            refuse(check.command.first.flatMap { rules.problem(withProgram: $0, of: noun) }, at: .gate(name))
            if deployment.target != .local, let image = check.image {
                refuse(rules.problem(withImage: image, of: noun), at: .gate(name))
            }
            for variable in check.env where CodeLoading.isDangerous(variable.name) {
                refuse(
                    "commands",
                    "the variable \(variable.name) of \(noun) makes a program load other code, and the project limits "
                        + "commands", at: .gate(name))
            }
        }
        guard rules.compiled.modelSources != nil || !rules.allowsOtherCode else { return }
        // What the check judges must be what is rolled out.
        for variable in check.env where ModelLoading.isDangerous(variable.name) {
            refuse(
                rules.compiled.modelSources == nil ? "commands" : "modelSources",
                "the variable \(variable.name) of \(noun) makes it judge another model than the candidate",
                at: .gate(name))
        }
    }

    // MARK: Secrets, pods and limits

    private mutating func checkSecrets() {
        guard let names = rules.compiled.secrets else { return }
        func violation(_ name: String) -> Violation? {
            guard !names.contains(name) else { return nil }
            return Violation(
                "secrets", "the project may not use the secret '\(name.shortened)'", allows: rules.policy.secrets)
        }
        let runtime = deployment.template.runtime
        if origin.isCommitted("env") {
            for variable in runtime.env {
                guard case .secret(let name) = variable.value else { continue }
                refuse(violation(name), at: .variable(variable.name))
            }
        }
        for (index, name) in (runtime.pod?.imagePullSecrets ?? []).enumerated() {
            refuse(violation(name), at: .runtime([.field("imagePullSecrets"), .index(index)]))
        }
        if let template = runtime.pod?.template {
            for secret in PodReferences(template).secrets { refuse(violation(secret.name), at: .template(secret.path)) }
        }
        for gate in deployment.rollout.gates {
            guard case .check(let check) = gate.kind else { continue }
            for case .secret(let name) in check.env.map(\.value) { refuse(violation(name), at: .gate(gate.name)) }
        }
    }

    private mutating func checkPods() {
        guard deployment.target != .local, let pod = deployment.template.runtime.pod else { return }
        let references = PodReferences(pod.template)
        if let allowed = rules.compiled.serviceAccounts {
            let asked =
                (pod.serviceAccountName.map { [($0, Violation.Site.runtime([.field("serviceAccountName")]))] } ?? [])
                + references.serviceAccounts.map { ($0.name, Violation.Site.template($0.path)) }
            for (name, site) in asked where !allowed.contains(name) {
                refuse(
                    Violation(
                        "serviceAccounts", "the project may not use the service account '\(name.shortened)'",
                        allows: rules.policy.serviceAccounts), at: site)
            }
        }
        if pod.security.isLooser(than: rules.policy.podSecurity) {
            refuse(
                Violation(
                    "podSecurity",
                    "its pods are '\(pod.security.rawValue)', but the project allows '\(rules.policy.podSecurity.rawValue)' at most",
                    allows: PodSettings.Security.allCases.filter { !$0.isLooser(than: rules.policy.podSecurity) }
                        .map(\.rawValue)), at: .runtime([.field("podSecurity")]))
        }
        for program in references.programs {
            refuse(
                rules.problem(withProgram: program.name, of: "a container of the pod"), at: .template(program.path))
        }
    }

    // MARK: What it takes

    private mutating func checkLimits() {
        guard rules.compiled.hasLimits else { return }
        let limits = rules.policy.limits
        var demand =
            ProjectDemand(replicas: deployment.replicas, of: deployment.template, at: deployment.target)
            + deployment.checkDemand
        demand.deployments = 1
        for text in limits.excess(of: demand) {
            refuse("limits", "this deployment alone needs more than the project may have: \(text)", at: .whole)
        }
        checkEndlessContainers(limits)
        if deployment.scaling == .external, limits.replicas != nil || limits.resources != ResourceAmounts() {
            refuse(
                "limits",
                "'external' lets others set the number of replicas, but the project limits it: write a number",
                at: .replicas)
        }
        let claims = deployment.template.runtime.pod?.template?["spec"]?["resourceClaims"]
        if !limits.resources.extended.isEmpty, !claims.elements.isEmpty {
            refuse(
                "limits", "claims devices with resourceClaims, which limits do not count: use resources.limits",
                at: .template([.field("spec"), .field("resourceClaims")]))
        }
    }

    private mutating func checkEndlessContainers(_ limits: ProjectLimits) {
        guard limits.isLimited("cpu") || limits.isLimited("memory") else { return }
        for endless in PodDemand.unlimited(deployment.template, at: deployment.target)
        where limits.isLimited(endless.resource) {
            let owner =
                endless.path == nil ? "an instance" : "the container '\(endless.container.shortened)' of its pods"
            refuse(
                "limits",
                "the project limits \(endless.resource), but \(owner) has no limit: add resources.limits."
                    + endless.resource, at: endless.path.map(Violation.Site.template) ?? .resources)
        }
    }
}

extension Violation.Site {
    /// A field of `spec.runtime.podTemplate`.
    static func template(_ path: [PathElement]) -> Violation.Site { .runtime([.field("podTemplate")] + path) }
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
