/// Features that need mlctl's own proxy. With another router they are refused, with advice.
enum RouterRules {
    typealias Problem = (message: String, suggestion: String)

    /// Checks everything except gates from templates, which are not known yet: see `problem(of:under:)`.
    static func check(_ deployment: WrittenDeployment, _ node: SourceNode, _ reading: inout DocumentReading) {
        checkCosts(deployment, &reading)
        guard let router = deployment.target.otherRouter else { return }
        checkTraffic(deployment.traffic, node, router, &reading)
        checkEndpoint(node, router, &reading)
        let rollout = deployment.rollout
        let place = node["rollout"]?.place ?? node.place
        func refuse(_ path: [PathElement], at place: SourcePlace, _ problem: Problem) {
            reading.report(
                problem.message, within: [.field("rollout")] + path, at: place, suggestion: problem.suggestion)
        }
        if rollout.spec.strategy == .ab {
            refuse(
                [.field("strategy")], at: node["rollout"]?["strategy"]?.place ?? place,
                (
                    "an A/B test must keep users on their revision, which \(router.name) cannot do",
                    "use \(ownRouter), or strategy: canary"
                )
            )
        }
        if let slices = node["rollout"]?.entry("slices"), !rollout.spec.slices.isEmpty {
            refuse(
                [.field("slices")], at: slices.keyPlace,
                (
                    "\(router.name) cannot tell slices of the traffic apart",
                    "leave them out, or use \(ownRouter)"
                ))
        }
        if router == .replicaRatio {
            if rollout.spec.strategy == .shadow {
                refuse(
                    [.field("strategy")], at: node["rollout"]?["strategy"]?.place ?? place,
                    (
                        "\(router.name) cannot copy requests",
                        "use router: gatewayAPI or \(ownRouter), or strategy: canary"
                    ))
            }
            for (index, step) in (rollout.steps ?? []).enumerated() {
                guard case .mirror? = step.action else { continue }
                refuse(
                    [.field("steps"), .index(index), .field("mirror")], at: step.place,
                    (
                        "\(router.name) cannot copy requests",
                        "remove the step, or use router: gatewayAPI or \(ownRouter)"
                    ))
            }
        }
        for gate in rollout.definedGates {
            guard let kind = gate.kind?.kind, let name = gate.name,
                let problem = problem(of: GateSpec(name: name, kind: kind), under: router)
            else { continue }
            refuse(Array(gate.path.dropFirst(2)), at: gate.place, problem)
        }
        if rollout.gates == nil { checkDefaults(deployment, router) { refuse([.field("gates")], at: place, $0) } }
    }

    /// What a cluster cannot judge with this router. Gates from templates are checked with this too.
    static func problem(of gate: GateSpec, at target: Target) -> Problem? {
        guard target != .local else { return nil }
        return costProblem(of: gate) ?? target.otherRouter.flatMap { problem(of: gate, under: $0) }
    }

    private static func checkCosts(_ deployment: WrittenDeployment, _ reading: inout DocumentReading) {
        guard deployment.target != .local else { return }
        for gate in deployment.rollout.definedGates {
            guard let kind = gate.kind?.kind, let name = gate.name,
                let problem = costProblem(of: GateSpec(name: name, kind: kind))
            else { continue }
            reading.report(
                problem.message, within: [.field("rollout")] + gate.path.dropFirst(2), at: gate.place,
                suggestion: problem.suggestion)
        }
    }

    /// The processes of pods run on other machines, so mlctl cannot measure them.
    private static func costProblem(of gate: GateSpec) -> Problem? {
        guard case .cost(let cost) = gate.kind else { return nil }
        return (
            "gate '\(gate.name)' measures \(cost.metric.rawValue) of processes; mlctl can do this on one machine only, not in a "
                + "cluster",
            cost.metric == .cpuPerRequest
                ? "write compare: {mean: {source: prometheus, of: QUERY, per: QUERY, max: SECONDS}}: "
                    + "container_cpu_usage_seconds_total divided by a counter of requests, each with revision=\"{{revision}}\""
                : "write threshold: {source: prometheus, query: QUERY, max: BYTES} of container_memory_working_set_bytes, or "
                    + "leave the gate out"
        )
    }

    /// What a router other than the proxy cannot judge.
    private static func problem(of gate: GateSpec, under router: KubernetesTarget.Router) -> Problem? {
        switch gate.kind {
        case .compare(let compare): problem(of: compare, named: gate.name, under: router)
        case .threshold(let threshold):
            if case .metric = threshold.measure {
                (
                    "gate '\(gate.name)' measures the proxy's counters, but with \(router.name) there is no proxy",
                    "write source: prometheus and a query, or use \(ownRouter)"
                )
            } else {
                nil
            }
        case .distribution, .drift, .agreement:
            (
                "gate '\(gate.name)' reads the answers, but with \(router.name) there is no proxy that sees them",
                "leave it out, or use \(ownRouter)"
            )
        // Reported by `costProblem`.
        case .cost: nil
        case .check, .contract, .goal: nil
        }
    }

    private static let ownRouter = "router: proxy"

    private static let howToCompare =
        "write ratio: {source: prometheus, of: QUERY, per: QUERY}, each a raw cumulative counter with "
        + "revision=\"{{revision}}\", or use \(ownRouter)"

    private static func problem(
        of compare: CompareGate, named name: String, under router: KubernetesTarget.Router
    ) -> Problem? {
        guard case .counters(let ratio) = compare.quantity, !MetricSourceName.builtIn.contains(ratio.source) else {
            let whose =
                switch compare.source {
                case MetricSourceName.server: "the servers' own metrics"
                case MetricSourceName.outcomes: "outcomes of answers that passed through the proxy"
                default: "the proxy's counters"
                }
            return (
                "gate '\(name)' compares \(whose), but with \(router.name) readings come from Prometheus", howToCompare
            )
        }
        guard let blind = [ratio.of, ratio.per].first(where: { !distinguishesRevisions($0) }) else { return nil }
        return (
            "gate '\(name)' uses the query '\(blind.shortened)', which gives the same result for both revisions",
            "add revision=\"{{revision}}\" to its selector"
        )
    }

    private static func distinguishesRevisions(_ query: String) -> Bool {
        QueryTemplate(query).placeholders.contains { ["revision", "version"].contains($0) }
    }

    private static func checkTraffic(
        _ traffic: WrittenTraffic, _ node: SourceNode, _ router: KubernetesTarget.Router,
        _ reading: inout DocumentReading
    ) {
        func refuse(_ field: String, _ message: String, _ suggestion: String) {
            guard let entry = node["traffic"]?.entry(field), !entry.value.isNull else { return }
            reading.report(
                message, within: [.field("traffic"), .field(field)], at: entry.keyPlace, suggestion: suggestion)
        }
        let leaveOut = "leave it out, or use \(ownRouter)"
        refuse("sticky", "\(router.name) does not keep users on their revision", leaveOut)
        refuse("generate", "\(router.name) cannot send recorded requests", leaveOut)
        refuse("observe", "\(router.name) does not read answers", leaveOut)
        switch (router, traffic.routing) {
        case (.replicaRatio, _):
            refuse(
                "match", "\(router.name) cannot tell requests apart",
                "leave it out, or use router: gatewayAPI or \(ownRouter)")
        case (.gatewayAPI, .matchCookie):
            refuse(
                "match", "an HTTPRoute can match headers, but not single cookies", "match a header, or use \(ownRouter)"
            )
        default: break
        }
    }

    private static func checkEndpoint(
        _ node: SourceNode, _ router: KubernetesTarget.Router, _ reading: inout DocumentReading
    ) {
        for (field, message) in [
            ("maxConcurrency", "\(router.name) has no queue for requests"),
            ("idempotent", "\(router.name) does not send a request again that got no answer"),
        ] {
            guard let entry = node["endpoint"]?.entry(field), !entry.value.isNull else { continue }
            reading.report(
                message, within: [.field("endpoint"), .field(field)], at: entry.keyPlace,
                suggestion: "leave it out, or use \(ownRouter)")
        }
    }

    private static func checkDefaults(
        _ deployment: WrittenDeployment, _ router: KubernetesTarget.Router, _ refuse: (Problem) -> Void
    ) {
        let rollout = deployment.rollout
        // An A/B test has been refused already.
        guard rollout.spec.strategy != .ab else { return }
        let gates = RolloutSpec.defaultGates(
            of: rollout.spec.strategy, hasSyntheticTraffic: deployment.traffic.generate != nil)
        guard !gates.isEmpty else { return }
        let names = gates.map { "'\($0.name)'" }.joined(separator: ", ")
        refuse(
            (
                "the default gates (\(names)) compare the proxy's counters, but with \(router.name) "
                    + "readings come from Prometheus",
                "in your own gate " + howToCompare
            ))
    }
}

extension Target {
    /// The router, where it is not mlctl's own proxy.
    var otherRouter: KubernetesTarget.Router? {
        guard case .kubernetes(let target) = self, target.router != .proxy else { return nil }
        return target.router
    }
}

extension KubernetesTarget.Router {
    /// The router as it is written in a manifest.
    fileprivate var name: String { "router: \(rawValue)" }
}
