/// What a rollout of this deployment would not see, for people.
extension ModelDeployment {
    /// What is to be said where every gate only warns; nil where one acts, and where there is none.
    public var nothingActs: String? {
        let gates = rollout.gates.filter { !$0.isDefaultWatch }
        guard !gates.isEmpty, gates.allSatisfy(\.warnOnly) else { return nil }
        return
            "every gate is warnOnly: a version is promoted whatever they find, as without gates. Take warnOnly off one."
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
                ?? "")
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
