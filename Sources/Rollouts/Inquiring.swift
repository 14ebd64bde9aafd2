import Analysis
import Foundation
import ModelManifests
import Serving

/// The questions that gates ask of outside systems, and the answers.
extension DecisionPass {
    /// The interval between two polls of a source's counters.
    static let counterInterval: TimeInterval = 5

    mutating func applyFindings() {
        guard var rollout = state.rollout, rollout.withdrawal == nil else { return }
        for finding in inputs.findings where finding.candidate == rollout.candidate.revision {
            guard let subject = InquirySubject(id: finding.inquiry) else { continue }
            switch subject {
            case .gate(let name, let ordinal):
                guard let answer = finding.gateAnswer(kind: rollout.judgement.evidence(of: name)?.spec.kind) else {
                    continue
                }
                rollout.judgement.take(answer, gate: name, ordinal: ordinal, at: now)
            case .counters(let source, let ordinal):
                guard rollout.counterTurns[source]?.ordinal == ordinal else { continue }
                take(finding.answer, from: source, into: &rollout)
            }
        }
        state.rollout = rollout
    }

    private mutating func take(_ answer: Finding.Answer, from source: String, into rollout: inout Rollout) {
        rollout.counterTurns[source]?.ordinal += 1
        rollout.counterTurns[source]?.dueAt = now.addingTimeInterval(Self.counterInterval)
        switch answer {
        case .counters(let readings):
            rollout.counterTurns[source]?.problem = nil
            absorb(readings, from: source, into: &rollout)
        case .failed(let reason): rollout.counterTurns[source]?.problem = reason
        case .measured, .checked, .contract:
            rollout.counterTurns[source]?.problem = "it did not answer with counters"
        }
    }

    /// Starts polling the sources that gates need, and stops polling the others.
    mutating func updateCounterPolls() {
        guard var rollout = state.rollout, rollout.withdrawal == nil else { return }
        let needed = Set(rollout.judgement.evidence.compactMap(\.spec.counters)).subtracting([MetricSourceName.proxy])
        rollout.counterTurns = rollout.counterTurns.filter { needed.contains($0.key) }
        for source in needed where rollout.counterTurns[source] == nil {
            rollout.counterTurns[source] = Rollout.CounterPoll(dueAt: now)
        }
        state.rollout = rollout
    }

    func inquiries() -> [Inquiry] {
        guard let rollout = state.rollout, rollout.withdrawal == nil, isCandidateThere else { return [] }
        let turns = rollout.counterTurns.filter { $0.value.dueAt <= now }.sorted { $0.key < $1.key }
        let counters = turns.map { source, turn in
            inquiry(
                .counters(source: source, ordinal: turn.ordinal),
                .counters(source: source, ratios: rollout.ratios(of: source)), rollout)
        }
        return counters + rollout.judgement.evidence.compactMap { question(of: $0, rollout) }
    }

    /// Before traffic, all instances must be ready. Later one is enough, because a backend may serve a small share with
    /// fewer.
    private var isCandidateThere: Bool {
        state.rollout?.hasBegunSteps == true ? capacity.candidate.ready > 0 : capacity.isCandidateReady
    }

    private func question(of gate: GateEvidence, _ rollout: Rollout) -> Inquiry? {
        guard isTime(for: gate.spec, rollout), let ordinal = gate.questionDue(at: now) else { return nil }
        let question: Inquiry.Question
        switch gate.spec.kind {
        case .threshold(let threshold):
            guard case .query(let query) = threshold.measure else { return nil }
            question = .measure(query.filled(window: threshold.window))
        case .check(let check): question = .check(check)
        case .contract(let contract): question = .contract(contract)
        case .compare, .cost, .distribution, .drift, .agreement, .goal: return nil
        }
        return inquiry(.gate(gate.spec.name, ordinal: ordinal), question, rollout)
    }

    private func isTime(for gate: GateSpec, _ rollout: Rollout) -> Bool {
        if gate.isBeforeTraffic { return true }
        guard rollout.hasBegunSteps else { return false }
        guard gate.isCheck else { return true }
        return rollout.currentStep(of: state.settings.rollout)?.action == .gate(gate.name)
    }

    private func inquiry(
        _ subject: InquirySubject, _ question: Inquiry.Question, _ rollout: Rollout
    ) -> Inquiry {
        Inquiry(
            id: subject.id, deployment: state.key, question: question, stable: state.stable.map(side),
            candidate: side(rollout.candidate), endpoint: observed.endpoint,
            servicePort: state.settings.endpoint.port, since: rollout.judgement.startedAt)
    }

    private func side(_ deployed: DeployedRevision) -> Inquiry.Side {
        Inquiry.Side(
            revision: deployed.revision, version: deployed.version,
            instances: observed.instances.filter { $0.revision == deployed.revision && $0.condition == .ready },
            metrics: deployed.template.runtime.metrics, template: deployed.template)
    }
}

/// Which gate or source a question belongs to, and its number.
enum InquirySubject: Hashable, Sendable {
    case gate(String, ordinal: Int)
    case counters(source: String, ordinal: Int)

    var id: String {
        switch self {
        case .gate(let name, let ordinal): "gate:\(name)/\(ordinal)"
        case .counters(let source, let ordinal): "counters:\(source)/\(ordinal)"
        }
    }

    init?(id: String) {
        guard let slash = id.lastIndex(of: "/"), let ordinal = Int(id[id.index(after: slash)...]),
            let colon = id.firstIndex(of: ":"), colon < slash
        else { return nil }
        let name = String(id[id.index(after: colon)..<slash])
        switch id[..<colon] {
        case "gate": self = .gate(name, ordinal: ordinal)
        case "counters": self = .counters(source: name, ordinal: ordinal)
        default: return nil
        }
    }
}

extension Finding {
    /// The answer in the form that the gate takes. A question that could not be asked gives an answer that decides
    /// nothing.
    fileprivate func gateAnswer(kind: GateSpec.Kind?) -> GateAnswer? {
        switch (answer, kind) {
        case (.measured(let measured), .threshold): .measured(measured)
        case (.checked(let outcome), .check): .checked(outcome)
        case (.contract(let contract), .contract): .contract(contract)
        case (.failed(let reason), .threshold): .measured(.error(reason))
        case (.failed(let reason), .check): .checked(CheckOutcome(end: .undecided(reason)))
        case (.failed(let reason), .contract): .contract(.unreadable(reason))
        default: nil
        }
    }
}

extension Rollout {
    /// The ratios that gates compare, of the counters of one source.
    fileprivate func ratios(of source: String) -> [CounterRatio] {
        judgement.evidence.compactMap { gate in
            switch gate.spec.kind {
            case .compare(let compare):
                guard case .counters(let ratio) = compare.quantity, ratio.source == source else { return nil }
                return ratio
            case .goal(let goal): return goal.quantity.source == source ? goal.quantity : nil
            default: return nil
            }
        }
    }
}

extension MetricQuery {
    /// Fills in only the gate's window. The source fills in the values of the deployment, because it knows how to
    /// escape them in its query language.
    fileprivate func filled(window: Duration) -> MetricQuery {
        var filled = self
        filled.text = QueryTemplate(text).filled { $0 == "window" ? window.goText : nil }
        return filled
    }
}
