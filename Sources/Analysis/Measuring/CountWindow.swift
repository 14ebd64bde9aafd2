/// The candidate's counts over the last seconds, in a bounded number of slots.
struct CountWindow: Codable, Hashable, Sendable {
    /// The window slides by a tenth of its length at a time. With histograms, which are large, it slides by a quarter.
    static let slotsPerWindow = 10.0
    static let slotsPerLatencyWindow = 4.0

    private var slots: [CountSlot] = []
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
    /// The time span of the counts.
    var coveredSeconds: Double { (slots.last?.toSeconds ?? 0) - (slots.first?.fromSeconds ?? 0) }

    private var slotsPerWindow: Double { keepsLatency ? Self.slotsPerLatencyWindow : Self.slotsPerWindow }

    mutating func add(_ counts: SideCounts, atSeconds now: Double) {
        if keepsLatency, counts.requests > 0, counts.bounds != bounds {
            // The buckets changed. Quantiles over both kinds of buckets would be meaningless.
            slots = []
            bounds = counts.bounds
        }
        let from = min(seenUntilSeconds, now)
        seenUntilSeconds = max(seenUntilSeconds, now)
        if slots.isEmpty || now - slots[slots.count - 1].fromSeconds > seconds / slotsPerWindow {
            slots.append(CountSlot(fromSeconds: from, toSeconds: now))
        }
        slots[slots.count - 1].absorb(counts, until: seenUntilSeconds, keepsLatency: keepsLatency)
        slots.removeAll { $0.toSeconds <= seenUntilSeconds - seconds }
        // One slot more than fits into the window reaches over its edge. There are more only if the clock was changed.
        slots.removeFirst(max(0, slots.count - Int(slotsPerWindow) - 1))
    }

    /// The upper edge of the bucket that holds the quantile.
    func latencyQuantile(_ quantile: Double) -> ThresholdEvidence.Measurement? {
        guard let lastEdge = bounds.last else { return nil }
        var buckets = Array(repeating: 0, count: bounds.count + 1)
        for slot in slots {
            for (index, count) in slot.latency.counts.prefix(buckets.count).enumerated() { buckets[index] += count }
        }
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
