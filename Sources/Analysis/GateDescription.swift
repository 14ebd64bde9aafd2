import Foundation
import ModelManifests

/// What a gate asks, and how it passes and fails, for people.
package struct GateDescription: Hashable, Codable, Sendable {
    /// For example `does the candidate fail requests more often than stable, by more than 10 %?`
    package var asks: String
    package var passes: String
    package var fails: String
    /// The assumption behind the odds. Nil if there are no odds, or nothing is assumed.
    package var assumes: String?
}

extension GateSpec {
    /// - Parameters:
    ///   - alpha: the gate's own share of the false rollback rate. Nil if it is not known yet.
    ///   - missedRegressionRate: the error rate of a pass.
    package func words(alpha: Double?, missedRegressionRate: Double) -> GateDescription {
        let odds = alpha.map { "odds of \(oneIn($0))" } ?? "odds (set by its share of falseRollbackRate)"
        let missed = oneIn(missedRegressionRate)
        switch kind {
        case .compare(let gate): return gate.words(odds, missed)
        case .cost(let gate): return gate.words
        case .threshold(let gate): return gate.words
        case .distribution(let gate):
            return GateDescription(
                asks: "do the candidate's '\(gate.observe)' fall into the same buckets as stable's, "
                    + "except for \(EvidenceText.percent(gate.maxShift)) of them?",
                passes:
                    "odds of \(missed) against any bucket that differs by more than \(EvidenceText.percent(gate.passShift))"
                    + floor(gate.minSamples),
                fails: "\(odds) against a shift of at most \(EvidenceText.percent(gate.maxShift))",
                assumes: independence)
        case .drift(let gate): return gate.words
        case .agreement(let gate): return gate.words(odds, missed)
        case .check(let gate): return gate.words
        case .contract:
            return GateDescription(
                asks: "does the candidate accept what stable accepts, by the inputs and outputs that both declare?",
                passes: "it does", fails: "an input is missing or of another type, or an output is gone")
        case .goal(let gate):
            return GateDescription(
                asks: "which is better by \(gate.quantity.text)?",
                passes: "the candidate is: odds of \(oneIn(gate.error / 2)) against the contrary"
                    + floor(gate.minSamples),
                fails: "stable is: odds of \(oneIn(gate.error / 2)) against the contrary"
                    + floor(gate.minSamples))
        }
    }
}

extension GateEvidence {
    package func words(missedRegressionRate: Double) -> GateDescription {
        var words = spec.words(alpha: alpha, missedRegressionRate: missedRegressionRate)
        if judgesSlices { words.fails += ", of all requests or of a slice" }
        return words
    }
}

private let independence = "requests do not depend on each other"
private let untold = "failures come singly, or in clumps like those of earlier looks: the source does not report events"

/// 0.0025 → `400 to 1`.
private func oneIn(_ rate: Double) -> String {
    let odds = (1 / rate).rounded()
    return odds < 1e15 ? "\(EvidenceText.count(Int(odds))) to 1" : "over a million to 1"
}

private func floor(_ samples: Int) -> String {
    samples > 0 ? ", on \(EvidenceText.count(samples, "sample")) or more" : ""
}

/// `10 %`, or `10 % or 0.5 percentage points`.
private func tolerance(_ relative: Double?, _ absolute: Double?, isShare: Bool) -> String {
    let points = absolute.map {
        isShare ? "\(EvidenceText.number($0 * 100)) percentage points" : EvidenceText.number($0)
    }
    let parts = [relative.map(EvidenceText.percent), points].compactMap(\.self)
    return parts.isEmpty ? "any" : parts.joined(separator: " or ")
}

extension CompareGate {
    fileprivate func words(_ odds: String, _ missed: String) -> GateDescription {
        let isShare = metric.map { !$0.isLatency } ?? (source == MetricSourceName.outcomes)
        let allowed = tolerance(maxRelativeIncrease, maxAbsoluteIncrease, isShare: isShare)
        let margin = tolerance(
            passMargin.relative, metric?.isLatency == true ? nil : passMargin.absolute, isShare: isShare)
        return GateDescription(
            asks: "\(question), by more than \(allowed)?",
            passes: "odds of \(missed) against a regression beyond \(margin)\(floor(minSamples))",
            fails: "\(odds) against being within \(allowed)", assumes: assumption)
    }

    private var assumption: String {
        switch quantity {
        case .requests(.errors, _), .requests(.slow, _), .requests(.latencyP95, _), .requests(.latencyP99, _):
            "failures of an instance within 5 ms, or without a good answer between them, are one event of up to 60 requests or 2 s; "
                + "events do not depend on each other, and before the first event failures count as single ones"
        case .requests(.rejected, _), .requests(.latencyP50, _), .counters: untold
        }
    }

    private var question: String {
        switch quantity {
        case .requests(.errors, _): "does the candidate fail requests more often than stable"
        case .requests(.rejected, _): "does the candidate reject requests (4xx) more often than stable"
        case .requests(.slow, _):
            "does the candidate take longer than \(slowerThan.map { EvidenceText.seconds($0 / .seconds(1)) } ?? "stable's p95")"
                + " more often than stable"
        case .requests(.latencyP50, _): "is the candidate's median latency above stable's"
        case .requests(.latencyP95, _): "is the candidate's p95 latency above stable's"
        case .requests(.latencyP99, _): "is the candidate's p99 latency above stable's"
        case .counters(let ratio):
            "is the candidate worse than stable in \(ratio.text) (\(ratio.better.rawValue) is better)"
        }
    }
}

extension CompareGate.Metric {
    fileprivate var isLatency: Bool {
        switch self {
        case .latencyP50, .latencyP95, .latencyP99: true
        case .errors, .rejected, .slow: false
        }
    }
}

extension CounterRatio {
    /// `correct, as reported later`, or `timeouts of requests`.
    package var text: String {
        let suffix = ".sum"
        if source == MetricSourceName.outcomes, of.hasSuffix(suffix) {
            return "'\(of.dropLast(suffix.count))', as reported later"
        }
        return "\(of) of \(per) (\(source))"
    }
}

extension ThresholdGate {
    fileprivate var words: GateDescription {
        let bounds = [
            min.map { "at least \(number($0))" }, max.map { "at most \(number($0))" }, condition.map { "'\($0.text)'" },
        ].compactMap(\.self).joined(separator: " and ")
        let limit = failureLimit == 1 ? "one measurement" : "\(EvidenceText.count(failureLimit)) measurements"
        return GateDescription(
            asks: "is \(subject) \(bounds), every \(interval.goText)?",
            passes: "while the last measurement is",
            fails: (failureLimit == 0 ? "one measurement is not" : "more than \(limit) are not")
                + "; a threshold promises nothing about false alarms")
    }

    private var subject: String {
        switch measure {
        case .query(let query):
            let asked = "\(query.source)'s '\(query.text)'"
            return query.range.map { "\($0.reduce.words) of \(asked) over \($0.over.goText)" } ?? asked
        case .metric(let metric):
            let name =
                switch metric {
                case .errors: "the share of failed requests"
                case .rejected: "the share of rejected requests (4xx)"
                case .latencyP50: "the median latency"
                case .latencyP95: "the p95 latency"
                case .latencyP99: "the p99 latency"
                case .requestRate: "the rate of requests"
                }
            return "\(name) of the last \(window.goText)"
        }
    }

    private func number(_ value: Double) -> String {
        switch measure {
        case .metric(.errors), .metric(.rejected): EvidenceText.percent(value)
        case .metric(.latencyP50), .metric(.latencyP95), .metric(.latencyP99): EvidenceText.seconds(value)
        case .metric(.requestRate): "\(EvidenceText.number(value))/s"
        case .query: EvidenceText.number(value)
        }
    }
}

extension MetricRange.Reduction {
    fileprivate var words: String {
        switch self {
        case .max: "the largest value"
        case .min: "the smallest value"
        case .mean: "the mean"
        case .last: "the last value"
        }
    }
}

extension DriftGate {
    fileprivate var words: GateDescription {
        let name = distance == .psi ? "population stability index" : "Jensen-Shannon distance"
        let other = reference == .stable ? "stable's" : "the profile"
        return GateDescription(
            asks:
                "is the \(name) of the candidate's '\(observe)' against \(other) at most \(EvidenceText.number(max))?",
            passes: "it is, even with the noise of its samples\(floor(minSamples))",
            fails: "it is more, beyond the noise of its samples; drift promises nothing about false alarms")
    }
}

extension AgreementGate {
    fileprivate func words(_ odds: String, _ missed: String) -> GateDescription {
        switch metric {
        case .agreement(let least):
            return GateDescription(
                asks:
                    "does the shadow answer as stable does in at least \(EvidenceText.percent(least)) of the requests?",
                passes: "odds of \(missed) against less than \(EvidenceText.percent(Swift.max(0, least - passMargin)))"
                    + floor(minSamples),
                fails: "\(odds) against \(EvidenceText.percent(least)) or more", assumes: untold)
        case .distance(let most):
            return GateDescription(
                asks:
                    "are the shadow's numbers on average within \(EvidenceText.percent(most)) of stable's, by the range?",
                passes:
                    "odds of \(missed) against more than \(EvidenceText.percent(most + passMargin))\(floor(minSamples))",
                fails: "\(odds) against \(EvidenceText.percent(most)) or less", assumes: untold)
        }
    }
}

extension CheckGate {
    fileprivate var words: GateDescription {
        let bounds = metrics.sorted { $0.key < $1.key }.flatMap { name, bounds in
            [
                bounds.min.map { "\(name) at least \(EvidenceText.number($0))" },
                bounds.max.map { "\(name) at most \(EvidenceText.number($0))" },
            ].compactMap(\.self)
        }
        let wanted = ["exit code 0"] + bounds
        return GateDescription(
            asks: "does '\(command.joined(separator: " "))' end within \(timeout.goText) with "
                + "\(wanted.joined(separator: ", "))?",
            passes: "it does", fails: "it ends in any other way; a check that does not end decides nothing")
    }
}
