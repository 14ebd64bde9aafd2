import ModelManifests

/// A gate's spec and evidence, by kind of gate.
enum GateState: Codable, Hashable, Sendable {
    case compare(CompareGate, CompareEvidence)
    case cost(CostGate, CostEvidence)
    case threshold(ThresholdGate, ThresholdEvidence)
    case asked(ThresholdGate, SourceThresholdEvidence)
    case distribution(DistributionGate, DistributionEvidence)
    case drift(DriftGate, DriftEvidence)
    case agreement(AgreementGate, AgreementEvidence)
    case goal(GoalGate, GoalEvidence)
    case check(CheckGate, CheckEvidence)
    case contract(ContractEvidence)

    /// - Parameter slices: the rollout's slices, if the gate is judged on them.
    init(_ kind: GateSpec.Kind, slices: [TrafficSlice] = []) {
        self =
            switch kind {
            case .compare(let gate): .compare(gate, CompareEvidence(gate, slices: slices))
            case .cost(let gate): .cost(gate, CostEvidence(gate))
            case .threshold(let gate):
                switch gate.measure {
                case .metric(let metric): .threshold(gate, ThresholdEvidence(gate, metric))
                case .query: .asked(gate, SourceThresholdEvidence(gate))
                }
            case .distribution(let gate): .distribution(gate, DistributionEvidence(gate))
            case .drift(let gate): .drift(gate, DriftEvidence(gate))
            case .agreement(let gate): .agreement(gate, AgreementEvidence(gate))
            case .goal(let gate): .goal(gate, GoalEvidence(gate))
            case .check(let gate): .check(gate, CheckEvidence())
            case .contract: .contract(ContractEvidence())
            }
    }

    mutating func absorb(_ interval: Interval, secondsSinceStart seconds: Double, alpha: Double) {
        switch self {
        case .compare(let gate, var evidence):
            evidence.absorb(interval, gate, alpha: alpha)
            self = .compare(gate, evidence)
        case .cost(let gate, var evidence):
            evidence.absorb(interval, gate, atSeconds: seconds)
            self = .cost(gate, evidence)
        case .threshold(let gate, var evidence):
            evidence.absorb(interval.candidate, atSeconds: seconds, gate: gate)
            self = .threshold(gate, evidence)
        case .distribution(let gate, var evidence):
            evidence.absorb(interval, gate)
            self = .distribution(gate, evidence)
        case .drift(let gate, var evidence):
            evidence.absorb(interval, gate)
            self = .drift(gate, evidence)
        case .agreement(let gate, var evidence):
            evidence.absorb(interval, gate)
            self = .agreement(gate, evidence)
        case .goal(let gate, var evidence):
            evidence.absorb(interval, gate)
            self = .goal(gate, evidence)
        case .asked, .check, .contract: break
        }
    }

    mutating func take(_ answer: GateAnswer, ordinal: Int, secondsSinceStart seconds: Double) {
        switch (self, answer) {
        case (.asked(let gate, var evidence), .measured(let measured)):
            evidence.take(measured, ordinal: ordinal, atSeconds: seconds, gate)
            self = .asked(gate, evidence)
        case (.check(let gate, var evidence), .checked(let outcome)):
            evidence.take(outcome, ordinal: ordinal, atSeconds: seconds, gate)
            self = .check(gate, evidence)
        case (.contract(var evidence), .contract(let answer)):
            evidence.take(answer, ordinal: ordinal, atSeconds: seconds)
            self = .contract(evidence)
        default: break
        }
    }

    func questionDue(secondsSinceStart seconds: Double) -> Int? {
        switch self {
        case .asked(_, let evidence): evidence.questionDue(atSeconds: seconds)
        case .check(_, let evidence): evidence.questionDue(atSeconds: seconds)
        case .contract(let evidence): evidence.questionDue(atSeconds: seconds)
        case .compare, .cost, .threshold, .distribution, .drift, .agreement, .goal: nil
        }
    }

    mutating func learn(stableHistory counts: SideCounts) {
        guard case .compare(let gate, var evidence) = self else { return }
        evidence.learn(stableHistory: counts)
        self = .compare(gate, evidence)
    }

    func verdict(alpha: Double, missedRegressionRate: Double) -> Verdict {
        switch self {
        case .compare(let gate, let evidence):
            evidence.verdict(gate, alpha: alpha, missedRegressionRate: missedRegressionRate)
        case .cost(let gate, let evidence): evidence.verdict(gate)
        case .threshold(let gate, let evidence): evidence.verdict(gate)
        case .asked(let gate, let evidence): evidence.verdict(gate)
        case .distribution(let gate, let evidence):
            evidence.verdict(gate, alpha: alpha, missedRegressionRate: missedRegressionRate)
        case .drift(let gate, let evidence): evidence.verdict(gate)
        case .agreement(let gate, let evidence):
            evidence.verdict(gate, alpha: alpha, missedRegressionRate: missedRegressionRate)
        case .goal(let gate, let evidence): evidence.verdict(gate)
        case .check(let gate, let evidence): evidence.verdict(gate)
        case .contract(let evidence): evidence.verdict
        }
    }

    /// A pass of these gates stays until something speaks against it. A pass of a measurement is only as recent as the
    /// measurement.
    var keepsPass: Bool {
        switch self {
        case .compare, .distribution, .agreement, .goal, .check, .contract: true
        case .cost, .threshold, .asked, .drift: false
        }
    }

    var samples: Int {
        switch self {
        case .compare(_, let evidence): evidence.samples
        case .cost(_, let evidence): evidence.samples
        case .threshold(_, let evidence): evidence.samples
        case .asked(_, let evidence): evidence.samples
        case .distribution(_, let evidence): evidence.samples
        case .drift(_, let evidence): evidence.samples
        case .agreement(_, let evidence): evidence.samples
        case .goal(_, let evidence): evidence.samples
        case .check(_, let evidence): evidence.samples
        case .contract(let evidence): evidence.samples
        }
    }

    var slowEdgeOfSlices: Double? {
        if case .compare(_, let evidence) = self { evidence.slowEdgeOfSlices } else { nil }
    }

    var judgesSlices: Bool { if case .compare(_, let evidence) = self { evidence.judgesSlices } else { false } }

    /// Nil if the gate does not pass by evidence, or if no evidence could make it pass.
    var passProgress: PassProgress? {
        switch self {
        case .compare(let gate, let evidence): evidence.passProgress(gate)
        case .distribution(let gate, let evidence): evidence.passProgress(gate)
        case .agreement(let gate, let evidence): evidence.passProgress(gate)
        case .cost, .threshold, .asked, .drift, .goal, .check, .contract: nil
        }
    }

    /// Nil if the gate does not decide by odds.
    var figures: OddsFigures? {
        switch self {
        case .compare(let gate, let evidence): evidence.figures(gate)
        case .agreement(let gate, let evidence): evidence.figures(gate)
        case .cost, .threshold, .asked, .distribution, .drift, .goal, .check, .contract: nil
        }
    }

    func reason(verdict: Verdict, alpha: Double, missedRegressionRate: Double?) -> String {
        switch self {
        case .cost(let gate, let evidence): return evidence.reason(gate)
        case .threshold(let gate, let evidence): return evidence.reason(gate)
        case .asked(let gate, let evidence): return evidence.reason(gate)
        case .drift(let gate, let evidence): return evidence.reason(gate)
        case .goal(let gate, let evidence): return evidence.reason(gate)
        case .check(let gate, let evidence): return evidence.reason(gate)
        case .contract(let evidence): return evidence.reason
        case .compare, .distribution, .agreement: break
        }
        guard let missedRegressionRate else { return "no data yet" }
        let rates = EvidenceRates(alpha: alpha, missedRegressionRate: missedRegressionRate)
        return switch self {
        case .compare(let gate, let evidence): evidence.reason(gate, verdict: verdict, rates)
        case .distribution(let gate, let evidence): evidence.reason(gate, verdict: verdict, rates)
        case .agreement(let gate, let evidence): evidence.reason(gate, verdict: verdict, rates)
        default: "no data yet"
        }
    }

    /// The state with a changed spec. Nil if the gate now asks something else. Only the conditions for a pass may
    /// change, and that restarts the evidence for a pass.
    func adopting(_ changed: GateSpec.Kind) -> GateState? {
        switch (self, changed) {
        case (.compare(var old, var evidence), .compare(let new)):
            if old.passMargin != new.passMargin { evidence.setMargin(new.passMargin) }
            (old.passMargin, old.minSamples) = (new.passMargin, new.minSamples)
            return old == new ? .compare(new, evidence) : nil
        case (.cost(var old, let evidence), .cost(let new)):
            (old.minSamples, old.failureLimit) = (new.minSamples, new.failureLimit)
            return old == new ? .cost(new, evidence) : nil
        case (.distribution(var old, var evidence), .distribution(let new)):
            if old.passShift != new.passShift { evidence.restartPass() }
            (old.passShift, old.minSamples) = (new.passShift, new.minSamples)
            return old == new ? .distribution(new, evidence) : nil
        case (.agreement(var old, var evidence), .agreement(let new)):
            if old.passMargin != new.passMargin { evidence.restartPass() }
            (old.passMargin, old.minSamples) = (new.passMargin, new.minSamples)
            return old == new ? .agreement(new, evidence) : nil
        case (.drift(var old, let evidence), .drift(let new)):
            old.minSamples = new.minSamples
            return old == new ? .drift(new, evidence) : nil
        case (.goal(var old, let evidence), .goal(let new)):
            old.minSamples = new.minSamples
            return old == new ? .goal(new, evidence) : nil
        default: return nil
        }
    }
}

/// The error rates of a comparing gate, for its text.
struct EvidenceRates {
    var alpha: Double
    var missedRegressionRate: Double
}
