import ModelManifests

struct DriftEvidence: Codable, Hashable, Sendable {
    private(set) var samples = 0

    init(_ gate: DriftGate) {}

    mutating func absorb(_ interval: Interval, _ gate: DriftGate) {}

    func verdict(_ gate: DriftGate) -> Verdict { .insufficient }

    func reason(_ gate: DriftGate) -> String { "no data yet" }
}
