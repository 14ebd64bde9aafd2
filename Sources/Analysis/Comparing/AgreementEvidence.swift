import ModelManifests

struct AgreementEvidence: Codable, Hashable, Sendable {
    private(set) var samples = 0

    init(_ gate: AgreementGate) {}

    mutating func absorb(_ interval: Interval, _ gate: AgreementGate) {}

    func verdict(_ gate: AgreementGate, alpha: Double, missedRegressionRate: Double) -> Verdict { .insufficient }

    func reason(_ gate: AgreementGate, verdict: Verdict, _ rates: EvidenceRates) -> String { "no data yet" }
}
