import ModelManifests

struct CheckEvidence: Codable, Hashable, Sendable {
    private(set) var samples = 0

    func questionDue(atSeconds seconds: Double) -> Int? { nil }

    mutating func take(_ outcome: CheckOutcome, ordinal: Int, atSeconds seconds: Double, _ gate: CheckGate) {}

    func verdict(_ gate: CheckGate) -> Verdict { .insufficient }

    func reason(_ gate: CheckGate) -> String { "no data yet" }
}
