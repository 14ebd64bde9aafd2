import Foundation
import ModelManifests
import RealModule

/// The evidence of a threshold gate: the window's counts and the results of its measurements.
struct ThresholdEvidence: Codable, Hashable, Sendable {
    struct Measurement: Codable, Hashable, Sendable {
        /// In the metric's unit. The last edge if `isOverLastEdge` is set.
        var value: Double
        var isOverLastEdge = false
        var isInBounds: Bool
    }

    private var window: CountWindow
    private var nextDueSeconds: Double
    private var failures = 0
    private var measurements = 0
    /// The last measurement. Nil if the last one that was due had too few requests.
    private var last: Measurement?
    private var problem: String?

    /// The candidate's requests since the evidence began.
    private(set) var samples = 0
    private let metric: ThresholdGate.Metric

    init(_ gate: ThresholdGate, _ metric: ThresholdGate.Metric) {
        self.metric = metric
        window = CountWindow(seconds: gate.window / .seconds(1), keepsLatency: metric.isLatency)
        nextDueSeconds = gate.initialDelay / .seconds(1)
    }

    /// - Parameter seconds: since the evidence began.
    mutating func absorb(_ counts: SideCounts, atSeconds seconds: Double, gate: ThresholdGate) {
        if let impossibility = counts.impossibility {
            problem = "candidate reports \(impossibility)"
            return
        }
        problem = nil
        let counts = counts.ofEveryRequest.countingAbandoned(over: metric.isLatency ? gate.max : nil)
        samples += counts.requests
        window.add(counts, atSeconds: seconds)
        guard seconds >= nextDueSeconds else { return }
        // One measurement for each look, however many are due: missed looks are not failures.
        let interval = max(gate.interval / .seconds(1), 1e-3)
        let missed = ((seconds - nextDueSeconds) / interval).rounded(.down)
        nextDueSeconds += (missed + 1) * interval
        measure(gate)
    }

    private mutating func measure(_ gate: ThresholdGate) {
        guard let found = value(gate), window.requests >= gate.minSamples else {
            last = nil
            return
        }
        var measurement = found
        let tooLow = gate.min.map { found.value < $0 } ?? false
        let tooHigh = gate.max.map { found.value > $0 || found.isOverLastEdge } ?? false
        let holds = gate.condition?.holds(of: found.value) ?? true
        measurement.isInBounds = !tooLow && !tooHigh && holds
        measurements += 1
        if !measurement.isInBounds { failures += 1 }
        last = measurement
    }

    private func value(_ gate: ThresholdGate) -> Measurement? {
        switch metric {
        case .errors: return rate(window.errors)
        case .rejected: return rate(window.rejected)
        case .requestRate:
            return window.coveredSeconds > 0
                ? Measurement(value: Double(window.requests) / window.coveredSeconds, isInBounds: true) : nil
        case .latencyP50: return window.latencyQuantile(0.50)
        case .latencyP95: return window.latencyQuantile(0.95)
        case .latencyP99: return window.latencyQuantile(0.99)
        }
    }

    private func rate(_ hits: Int) -> Measurement? {
        window.requests > 0 ? Measurement(value: Double(hits) / Double(window.requests), isInBounds: true) : nil
    }

    func verdict(_ gate: ThresholdGate) -> Verdict {
        if failures > gate.failureLimit { return .fail }
        return last?.isInBounds == true ? .pass : .insufficient
    }

    func reason(_ gate: ThresholdGate) -> String {
        if let problem { return "\(problem): not measured" }
        guard let last else {
            let wanted = max(1, gate.minSamples)
            return "\(EvidenceText.count(window.requests)) of \(EvidenceText.count(wanted)) requests in the last "
                + "\(EvidenceText.seconds(gate.window / .seconds(1))): nothing to measure yet"
        }
        let bounds = [
            gate.min.map { "at least \(metric.text($0))" }, gate.max.map { "at most \(metric.text($0))" },
            gate.condition?.text,
        ]
        let value = (last.isOverLastEdge ? "over " : "") + metric.text(last.value)
        return "\(metric.rawValue) \(value), wanted \(bounds.compactMap { $0 }.joined(separator: " and ")); "
            + "\(EvidenceText.count(failures)) of \(EvidenceText.count(measurements)) measurements failed, "
            + "\(EvidenceText.count(gate.failureLimit)) allowed"
    }
}

extension SideCounts {
    /// - Parameter limit: in seconds. The next bound at or over it is used.
    fileprivate func countingAbandoned(over limit: Double?) -> SideCounts {
        guard let limit, let edge = bounds.first(where: { $0 >= limit || Self.same($0, limit) }) else { return self }
        return countingAbandoned(after: edge)
    }
}

extension ThresholdGate.Metric {
    var isLatency: Bool {
        switch self {
        case .latencyP50, .latencyP95, .latencyP99: true
        case .errors, .rejected, .requestRate: false
        }
    }

    fileprivate func text(_ value: Double) -> String {
        switch self {
        case .errors, .rejected: EvidenceText.percent(value)
        case .latencyP50, .latencyP95, .latencyP99: EvidenceText.seconds(value)
        case .requestRate: "\(EvidenceText.number(value))/s"
        }
    }
}
