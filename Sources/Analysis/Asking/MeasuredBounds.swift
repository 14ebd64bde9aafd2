import ModelManifests

/// What one value must be, and how both are told.
struct MeasuredBounds {
    var min: Double?
    var max: Double?
    var condition: Condition?

    /// Never a value that is not finite.
    func admit(_ value: Double) -> Bool {
        guard value.isFinite else { return false }
        return (min.map { value >= $0 } ?? true) && (max.map { value <= $0 } ?? true)
            && (condition?.holds(of: value) ?? true)
    }

    /// `at least 0.9 and at most 1`.
    var text: String {
        [
            min.map { "at least \(EvidenceText.number($0))" }, max.map { "at most \(EvidenceText.number($0))" },
            condition?.text,
        ].compactMap { $0 }.joined(separator: " and ")
    }

    /// Short, but never so short that a value beyond a bound reads like the bound.
    func text(of value: Double) -> String {
        let short = EvidenceText.number(value)
        let looksAlike = [min, max].contains { $0.map { $0 != value && EvidenceText.number($0) == short } ?? false }
        return looksAlike ? "\(value)" : short
    }
}
