import ModelManifests

struct AskedEvidence: Codable, Hashable, Sendable {
    private(set) var samples = 0

    init(_ gate: ThresholdGate) {}

    func questionDue(atSeconds seconds: Double) -> Int? { nil }

    mutating func take(_ measured: Measured, ordinal: Int, atSeconds seconds: Double, _ gate: ThresholdGate) {}

    func verdict(_ gate: ThresholdGate) -> Verdict { .insufficient }

    func reason(_ gate: ThresholdGate) -> String { "no data yet" }
}
