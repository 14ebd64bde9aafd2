import ModelManifests

/// The evidence of a threshold gate whose value comes from a source that is asked.
///
/// Measurements are due at `initialDelay`, then every `interval`. A due measurement stays due until it is answered, and
/// those that became due in the meantime are skipped. So a slow source is asked less often, and never twice at once.
struct SourceThresholdEvidence: Codable, Hashable, Sendable {
    private enum Last: Codable, Hashable, Sendable {
        case value(Double, isInBounds: Bool)
        case noData(String)
        case error(String)
    }

    private var answers = 0
    private var nextDueSeconds: Double
    private var failures = 0
    private var errors = 0
    private var errorsInRow = 0
    private var last: Last?
    /// The warning that the source gave with the last value.
    private var remark: String?

    /// The number of measured values.
    private(set) var samples = 0

    init(_ gate: ThresholdGate) { nextDueSeconds = gate.initialDelay / .seconds(1) }

    /// - Parameter seconds: since the evidence began.
    func questionDue(atSeconds seconds: Double) -> Int? { seconds >= nextDueSeconds ? answers + 1 : nil }

    mutating func take(_ measured: Measured, ordinal: Int, atSeconds seconds: Double, _ gate: ThresholdGate) {
        guard questionDue(atSeconds: seconds) == ordinal else { return }
        answers += 1
        remark = nil
        let interval = max(gate.interval / .seconds(1), 1e-3)
        nextDueSeconds += (((seconds - nextDueSeconds) / interval).rounded(.down) + 1) * interval
        switch measured {
        case .value(let value, let said) where value.isFinite:
            take(value, gate)
            remark = said?.quoted()
        case .value(let value, _): last = .noData("the value is \(value), which is not a number")
        case .noData(let why): last = .noData(why.quoted())
        case .error(let why):
            errors += 1
            last = .error(why.quoted())
        }
        if case .error = measured { errorsInRow += 1 } else { errorsInRow = 0 }
    }

    private mutating func take(_ value: Double, _ gate: ThresholdGate) {
        let isInBounds = gate.bounds.admit(value)
        samples += 1
        if !isInBounds { failures += 1 }
        last = .value(value, isInBounds: isInBounds)
    }

    /// Passes while the last answer is a value within the bounds. After an error or an empty answer, an older pass no
    /// longer counts.
    func verdict(_ gate: ThresholdGate) -> Verdict {
        if failures > gate.failureLimit { return .fail }
        if case .value(_, isInBounds: true) = last { return .pass }
        return .insufficient
    }

    func reason(_ gate: ThresholdGate) -> String {
        let source = gate.sourceName
        switch last {
        case nil: return "\(source) has not been asked yet"
        case .value(let value, _):
            return "\(source) says \(gate.bounds.text(of: value)), wanted \(gate.bounds.text)"
                + (remark.map { " (with the warning: \($0))" } ?? "") + "; \(tally(gate))"
        case .noData(let why): return "\(source) has no data: \(why); \(tally(gate))"
        case .error(let why) where errorsInRow > gate.consecutiveErrorLimit:
            return "\(EvidenceText.count(errorsInRow, "error")) in a row: \(source): \(why); \(tally(gate))"
        case .error(let why): return "\(source) could not be asked: \(why); \(tally(gate))"
        }
    }

    private func tally(_ gate: ThresholdGate) -> String {
        "\(EvidenceText.count(failures)) of \(EvidenceText.count(samples)) measurements failed, "
            + "\(EvidenceText.count(gate.failureLimit)) allowed"
            + (errors > 0 ? "; \(EvidenceText.count(errors, "error"))" : "")
    }
}

extension ThresholdGate {
    fileprivate var bounds: MeasuredBounds { MeasuredBounds(min: min, max: max, condition: condition) }

    fileprivate var sourceName: String {
        if case .query(let query) = measure { query.source } else { MetricSourceName.proxy }
    }
}
