import ModelManifests

struct DistributionEvidence: Codable, Hashable, Sendable {
    private(set) var samples = 0

    init(_ gate: DistributionGate) {}

    mutating func absorb(_ interval: Interval, _ gate: DistributionGate) {}

    func verdict(_ gate: DistributionGate, alpha: Double, missedRegressionRate: Double) -> Verdict { .insufficient }

    func reason(_ gate: DistributionGate, verdict: Verdict, _ rates: EvidenceRates) -> String { "no data yet" }
}
