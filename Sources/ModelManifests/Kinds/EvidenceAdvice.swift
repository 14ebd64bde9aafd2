/// Advice on what a rollout of this deployment would not notice.
extension ModelDeployment {
    /// Advice where every gate only warns; nil where a gate acts, and where there are no gates.
    package var nothingActs: String? {
        let gates = rollout.gates.filter { !$0.isDefaultWatch }
        guard !gates.isEmpty, gates.allSatisfy(\.warnOnly) else { return nil }
        return
            "every gate is warnOnly, so every version is promoted whatever the gates find. Remove warnOnly from a gate."
    }

    /// Says that nothing but availability is judged, although there would be default gates; nil if there is a gate.
    package var nothingIsJudged: String? {
        let defaults = RolloutSpec.defaultGates(of: rollout.strategy, hasSyntheticTraffic: endpoint.generate != nil)
        guard !defaults.isEmpty, rollout.gates.allSatisfy(\.isDefaultWatch) else { return nil }
        return
            "there are no gates: a version passes all steps if its instances are available. Remove 'gates: []' to compare "
            + "errors, rejections and slowness, or add gates."
    }

    /// Why no gate is judged on slices of the traffic; nil if some are. Both the decision and the messages use this.
    ///
    /// With sticky users the unit of evidence is the user, and slices of requests say nothing about users. If only one
    /// revision gets users' requests, a gate would reserve half of its error rate for slices that never get evidence.
    package static func whyNoSlice(_ rollout: RolloutSpec, _ routing: Routing, replicas: Int) -> String? {
        if routing.isSticky { return "with sticky users the unit of evidence is the user" }
        guard rollout.strategy.splitsRequests, !(rollout.capacity == .drainThenLoad && replicas == 1) else {
            return "users' requests do not go to both revisions"
        }
        return rollout.gates.contains(where: \.isJudgedOnSlices)
            ? nil : "no gate compares errors, rejected or slow of the proxy's requests"
    }

    /// Says that no gate looks at predictions, and which gate to add; nil where a gate does, and while the deployment is
    /// suspended.
    ///
    /// A gate with `warnOnly` counts, because somebody decided to have it.
    package var unseenPredictions: String? {
        guard !suspend, !rollout.gates.contains(where: { !$0.isDefaultWatch && evaluatesPredictions($0) }) else {
            return nil
        }
        let isWatched = rollout.gates.contains(where: \.isDefaultWatch)
        return
            (isWatched
            ? "no gate acts on predictions (a large shift is only reported)"
            : "no gate looks at predictions") + ": \(predictionGateAdvice)"
    }

    private func evaluatesPredictions(_ gate: GateSpec) -> Bool {
        switch gate.kind {
        // The counters of a server are mostly errors and times, not predictions.
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

    /// A gate that works with the deployment's runtime, router and strategy.
    private var predictionGateAdvice: String {
        let canMirror = target.otherRouter == nil && rollout.strategy != .recreate
        guard canMirror, !template.runtime.writesText else {
            return
                "add the step '- gate: {name: evaluation, check: {command: [./evaluate]}}' before the others, a command "
                + "that tests the new version's answers"
        }
        return "add the steps '- mirror: 100' and '- gate: {name: answers, agreement: {min: 0.95}}' before the others"
            + (template.runtime.labelPath.map { ", with 'shadow: {path: \"\($0)\"}' (and a tolerance, for numbers)" }
                ?? ", with 'shadow: {path: PLACE}', the place of the prediction in its answers, such as result.label (and a "
                + "tolerance, for numbers): without it whole answers are compared")
    }
}

extension Runtime {
    /// Its health probes use the Open Inference Protocol, so its answers have `outputs`.
    package var speaksOpenInference: Bool {
        [probes.startup, probes.readiness, probes.liveness].contains { probe in
            if case .httpGet(let path, _)? = probe?.check { path.hasPrefix("/v2/health/") } else { false }
        }
    }

    /// The part of an answer in which both versions should predict alike; nil where that is unknown.
    fileprivate var labelPath: String? {
        // The first output is probabilities, which differ a little between models.
        if metrics?.dialect == .mlctl { return "outputs[1].data" }
        return speaksOpenInference ? "outputs" : nil
    }

    /// Two answers to the same request may differ.
    fileprivate var writesText: Bool { metrics?.dialect == .vllm }
}
