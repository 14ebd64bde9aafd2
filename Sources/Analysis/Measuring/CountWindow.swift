/// The candidate's counts over the last seconds, in a bounded number of slots.
struct CountWindow: Codable, Hashable, Sendable {
    /// The window slides by a tenth of its length at a time.
    static let slotsPerWindow = 10.0

    fileprivate struct Slot: Codable, Hashable, Sendable {
        var fromSeconds: Double
        var toSeconds: Double
        var requests = 0
        var errors = 0
        var rejected = 0
        /// By the bucket's index, of its own, not cumulative; empty buckets are left out.
        var latency: [Int: Int] = [:]
    }

    private var slots: [Slot] = []
    private var seenUntilSeconds = 0.0
    private let seconds: Double
    private let keepsLatency: Bool
    private var bounds: [Double] = []

    init(seconds: Double, keepsLatency: Bool) {
        self.seconds = seconds
        self.keepsLatency = keepsLatency
    }

    var requests: Int { slots.reduce(0) { $0 + $1.requests } }
    var errors: Int { slots.reduce(0) { $0 + $1.errors } }
    var rejected: Int { slots.reduce(0) { $0 + $1.rejected } }
    /// The time that the counts are of.
    var coveredSeconds: Double { (slots.last?.toSeconds ?? 0) - (slots.first?.fromSeconds ?? 0) }

    mutating func add(_ counts: SideCounts, atSeconds now: Double) {
        if keepsLatency, counts.requests > 0, counts.bounds != bounds {
            // Other buckets: quantiles of both together would be of neither.
            slots = []
            bounds = counts.bounds
        }
        let from = min(seenUntilSeconds, now)
        seenUntilSeconds = max(seenUntilSeconds, now)
        if slots.isEmpty || now - slots[slots.count - 1].fromSeconds > seconds / Self.slotsPerWindow {
            slots.append(Slot(fromSeconds: from, toSeconds: now))
        }
        slots[slots.count - 1].absorb(counts, until: seenUntilSeconds, keepsLatency: keepsLatency)
        slots.removeAll { $0.toSeconds <= seenUntilSeconds - seconds }
    }

    /// The upper edge of the bucket that holds the quantile.
    func latencyQuantile(_ quantile: Double) -> ThresholdEvidence.Measurement? {
        guard let lastEdge = bounds.last else { return nil }
        var buckets = Array(repeating: 0, count: bounds.count + 1)
        for slot in slots { for (index, count) in slot.latency { buckets[index] += count } }
        let total = buckets.reduce(0, +)
        guard total > 0 else { return nil }
        let rank = Int((quantile * Double(total)).rounded(.up))
        var below = 0
        for (edge, count) in zip(bounds, buckets) {
            below += count
            if below >= rank { return ThresholdEvidence.Measurement(value: edge, isInBounds: true) }
        }
        return ThresholdEvidence.Measurement(value: lastEdge, isOverLastEdge: true, isInBounds: true)
    }
}

extension CountWindow.Slot {
    fileprivate mutating func absorb(_ counts: SideCounts, until now: Double, keepsLatency: Bool) {
        toSeconds = max(toSeconds, now)
        requests += counts.requests
        errors += counts.errors
        rejected += counts.rejected
        guard keepsLatency, !counts.bounds.isEmpty else { return }
        var before = 0
        for (index, cumulative) in (counts.latency.prefix(counts.bounds.count) + [counts.latencyTotal]).enumerated() {
            if cumulative > before { latency[index, default: 0] += cumulative - before }
            before = cumulative
        }
    }
}
