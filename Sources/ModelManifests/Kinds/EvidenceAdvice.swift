/// What a rollout of this deployment would not see, for people.
extension ModelDeployment {
    /// What is to be said where every gate only warns; nil where one acts, and where there is none.
    public var nothingActs: String? {
        let gates = rollout.gates.filter { !$0.isDefaultWatch }
        guard !gates.isEmpty, gates.allSatisfy(\.warnOnly) else { return nil }
        return
            "every gate is warnOnly: a version is promoted whatever they find, as without gates. Take warnOnly off one."
    }

    /// That nothing is judged, where gates would be there by default; nil where one is.
    public var nothingIsJudged: String? {
        let defaults = RolloutSpec.defaultGates(of: rollout.strategy, hasSyntheticTraffic: endpoint.generate != nil)
        guard !defaults.isEmpty, rollout.gates.allSatisfy(\.isDefaultWatch) else { return nil }
        return
            "there are no gates: a version goes through all steps, and nothing is judged but whether its instances are "
            + "available. Take 'gates: []' out, so that errors, rejections and slowness are compared, or name some."
    }

    /// Why no gate is judged on slices of the traffic; nil where some are. What decides about it and what tells it is this.
    ///
    /// With sticky users the unit of evidence is the user, of whom slices of requests tell nothing. Where only one revision
    /// has users' requests a gate would keep half of its rate for what never comes.
    public static func whyNoSlice(_ rollout: RolloutSpec, _ routing: Routing, replicas: Int) -> String? {
        if routing.isSticky { return "with sticky users the unit of evidence is the user" }
        guard rollout.strategy.splitsRequests, !(rollout.capacity == .drainThenLoad && replicas == 1) else {
            return "users' requests do not go to both revisions"
        }
        return rollout.gates.contains(where: \.isJudgedOnSlices)
            ? nil : "no gate compares errors, rejected or slow of the proxy's requests"
    }

    /// That no gate looks at predictions, and which one to add; nil where one does, and while it is suspended.
    ///
    /// A gate that only warns will do: somebody has decided that.
    public var unseenPredictions: String? {
        guard !suspend, !rollout.gates.contains(where: { !$0.isDefaultWatch && looksAtPredictions($0) }) else {
            return nil
        }
        let isWatched = rollout.gates.contains(where: \.isDefaultWatch)
        return
            (isWatched
            ? "no gate acts on predictions (a large shift is told)"
            : "no gate looks at predictions") + ": \(predictionGateAdvice)"
    }

    private func looksAtPredictions(_ gate: GateSpec) -> Bool {
        switch gate.kind {
        // What a server counts of its own is most often errors and time.
        case .compare(let compare): compare.source == MetricSourceName.outcomes
        case .distribution(let gate): observesAnswers(gate.observe)
        case .drift(let gate): observesAnswers(gate.observe)
        case .agreement, .check, .goal: true
        case .threshold, .cost, .contract: false
        }
    }

    private func observesAnswers(_ name: String) -> Bool {
        endpoint.observe.contains { $0.name == name && $0.subject == .answer }
    }

    /// Of what works with its runtime, router and strategy.
    private var predictionGateAdvice: String {
        let canMirror = target.otherRouter == nil && rollout.strategy != .recreate
        guard canMirror, !template.runtime.writesText else {
            return
                "add the step '- gate: {name: evaluation, check: {command: [./evaluate]}}' before the others, a command "
                + "that tries the new version's answers"
        }
        return "add the steps '- mirror: 100' and '- gate: {name: answers, agreement: {min: 0.95}}' before the others"
            + (template.runtime.labelPath.map { ", with 'shadow: {path: \"\($0)\"}' (and a tolerance, for numbers)" }
                ?? ", with 'shadow: {path: PLACE}', the place of the prediction in its answers, such as result.label (and a "
                + "tolerance, for numbers): without it whole answers are compared")
    }
}

extension Runtime {
    /// Its health is asked for by the Open Inference Protocol, so that its answers have `outputs`.
    public var speaksOpenInference: Bool {
        [probes.startup, probes.readiness, probes.liveness].contains { probe in
            if case .httpGet(let path, _)? = probe?.check { path.hasPrefix("/v2/health/") } else { false }
        }
    }

    /// Where answers hold what a new version should predict alike; nil where that is not known.
    fileprivate var labelPath: String? {
        // Its first output are probabilities, which differ a little from model to model.
        if metrics?.dialect == .mlctl { return "outputs[1].data" }
        return speaksOpenInference ? "outputs" : nil
    }

    /// Two answers to one request need not be alike.
    fileprivate var writesText: Bool { metrics?.dialect == .vllm }
}
