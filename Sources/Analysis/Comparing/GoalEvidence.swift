import ModelManifests

struct GoalEvidence: Codable, Hashable, Sendable {
    private(set) var samples = 0

    init(_ gate: GoalGate) {}

    mutating func absorb(_ interval: Interval, _ gate: GoalGate) {}

    func verdict(_ gate: GoalGate) -> Verdict { .insufficient }

    func reason(_ gate: GoalGate) -> String { "no data yet" }
}
