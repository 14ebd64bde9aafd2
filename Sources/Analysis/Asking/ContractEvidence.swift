import ModelManifests

struct ContractEvidence: Codable, Hashable, Sendable {
    private(set) var samples = 0
    private(set) var verdict = Verdict.insufficient

    func questionDue(atSeconds seconds: Double) -> Int? { nil }

    mutating func take(_ answer: ContractAnswer, ordinal: Int, atSeconds seconds: Double) {}

    var reason: String { "no data yet" }
}
