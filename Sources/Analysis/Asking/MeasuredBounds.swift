import ModelManifests

/// The bounds of one value, with their text.
struct MeasuredBounds {
    var min: Double?
    var max: Double?
    var condition: ThresholdExpression?

    /// A value that is not finite is never within the bounds.
    func admit(_ value: Double) -> Bool {
        guard value.isFinite else { return false }
        return (min.map { value >= $0 } ?? true) && (max.map { value <= $0 } ?? true)
            && (condition?.holds(of: value) ?? true)
    }

    /// For example `at least 0.9 and at most 1`.
    var text: String {
        [
            min.map { "at least \(EvidenceText.number($0))" }, max.map { "at most \(EvidenceText.number($0))" },
            condition?.text,
        ].compactMap { $0 }.joined(separator: " and ")
    }

    /// A short text, but long enough that a value beyond a bound does not read like the bound.
    func text(of value: Double) -> String {
        let short = EvidenceText.number(value)
        let looksAlike = [min, max].contains { $0.map { $0 != value && EvidenceText.number($0) == short } ?? false }
        return looksAlike ? "\(value)" : short
    }
}
