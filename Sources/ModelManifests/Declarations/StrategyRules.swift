/// What a strategy requires of the rest of a deployment, and which fields it cannot use.
enum StrategyRules {
    static func check(_ deployment: WrittenDeployment, _ node: SourceNode, _ reading: inout DocumentReading) {
        guard let rollout = node["rollout"] else { return }
        let written = deployment.rollout
        let strategy = written.spec.strategy
        func report(_ message: String, _ path: [PathElement], at place: SourcePlace, _ suggestion: String?) {
            reading.report(message, within: [.field("rollout")] + path, at: place, suggestion: suggestion)
        }
        let blocks: [(String, RolloutSpec.Strategy)] = [("keepFor", .blueGreen), ("ab", .ab), ("shadow", .shadow)]
        for (field, owner) in blocks where strategy != owner {
            guard let entry = rollout[field], !mirrors(written) || owner != .shadow else { continue }
            report(
                "can only be used with strategy: \(owner.rawValue)", [.field(field)], at: entry.place,
                "leave it out, or write strategy: \(owner.rawValue)")
        }
        if strategy == .ab { checkTest(deployment, rollout, report) }
        if strategy == .blueGreen, rollout["probation"] != nil {
            report(
                "cannot be used with strategy: blueGreen", [.field("probation")], at: rollout.place,
                "write keepFor: 10m")
        }
        checkSteps(written, report)
        checkGates(deployment, report)
    }

    private static func mirrors(_ rollout: WrittenRollout) -> Bool {
        if rollout.steps == nil { return rollout.spec.strategy == .shadow }
        return (rollout.steps ?? []).contains { if case .mirror? = $0.action { true } else { false } }
    }

    private static func checkTest(
        _ deployment: WrittenDeployment, _ rollout: SourceNode,
        _ report: (String, [PathElement], SourcePlace, String?) -> Void
    ) {
        if rollout["ab"] == nil {
            report(
                "is missing", [.field("ab")], rollout.place,
                "add ab: {goal: {outcome: {label: …}}}, or use strategy: canary")
        }
        if deployment.traffic.routing == .random {
            report(
                "must tell users apart", [.field("strategy")], rollout["strategy"]?.place ?? rollout.place,
                "add traffic: {sticky: {header: x-user-id}} or traffic: {match: …}")
        }
    }

    private static func checkSteps(
        _ rollout: WrittenRollout, _ report: (String, [PathElement], SourcePlace, String?) -> Void
    ) {
        let switchesAtOnce = [.blueGreen, .recreate].contains(rollout.spec.strategy)
        for (index, step) in (rollout.steps ?? []).enumerated() {
            let path: [PathElement] = [.field("steps"), .index(index)]
            switch step.action {
            case .setWeight(let weight)? where switchesAtOnce && weight != 100:
                report(
                    "strategy: \(rollout.spec.strategy.rawValue) switches all traffic at once",
                    path + [.field("setWeight")],
                    step.place, "remove the step, or use strategy: canary")
            case .mirror? where rollout.spec.strategy == .recreate:
                report(
                    "with strategy: recreate there is no stable revision to copy requests from",
                    path + [.field("mirror")], step.place,
                    "remove the step")
            default: break
            }
        }
    }

    private static func checkGates(
        _ deployment: WrittenDeployment, _ report: (String, [PathElement], SourcePlace, String?) -> Void
    ) {
        let rollout = deployment.rollout
        let observed = Set((deployment.traffic.observe ?? []).map(\.name))
        for gate in rollout.definedGates {
            guard let kind = gate.kind?.kind, let name = gate.name else { continue }
            let spec = GateSpec(name: name, kind: kind)
            let path = Array(gate.path.dropFirst(2))  // The path within spec.rollout.
            if let observe = spec.observation, !observe.isEmpty, !observed.contains(observe) {
                report(
                    "observation '\(observe)' does not exist", path, gate.place,
                    DidYouMean.suggestion(for: observe, among: observed.sorted(), noun: "the observations are")
                        ?? "add it to traffic.observe"
                )
            }
            if case .agreement = kind, !mirrors(rollout) {
                report(
                    "compares the answers of a shadow, but this rollout has none", path, gate.place,
                    rollout.spec.strategy == .shadow
                        ? "add a step '- mirror: 100' before the others, or leave steps out"
                        : "use strategy: shadow, or add a step '- mirror: 100'")
            }
            let needsBoth = spec.needsBothSides
            if needsBoth, rollout.spec.strategy == .recreate {
                report(
                    "compares with a stable revision, but with strategy: recreate none runs", path, gate.place,
                    "use a threshold, drift with a profile, or another strategy")
            }
            // Answers to recorded requests are not observed.
            let hasRecorded = deployment.traffic.generate != nil && spec.observation == nil
            if needsBoth, rollout.spec.strategy == .blueGreen, !hasRecorded, !mirrors(rollout) {
                report(
                    "compares both revisions at the same time, but with strategy: blueGreen only one has traffic", path,
                    gate.place,
                    spec.observation == nil
                        ? "add traffic.generate, a step '- mirror: 100', or use strategy: canary"
                        : "add a step '- mirror: 100', or use strategy: canary")
            }
        }
    }
}

extension GateSpec {
    /// The name of the observation that the gate reads.
    package var observation: String? {
        switch kind {
        case .distribution(let gate): gate.observe
        case .drift(let gate): gate.observe
        default: nil
        }
    }
}
