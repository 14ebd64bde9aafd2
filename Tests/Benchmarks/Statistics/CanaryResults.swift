import TestSupport

/// The results of one rule for the streams of one scenario.
struct CanaryResults: Sendable {
    var rule: String
    var isHealthy: Bool
    var ends: [CanaryEnd]

    var rolledBack: Double { ends.map { if case .rolledBack = $0 { true } else { false } }.share }
    var promoted: Double { ends.map { if case .promoted = $0 { true } else { false } }.share }
    var undecided: Double { ends.map { $0 == .undecided }.share }
    /// Healthy and rolled back, or bad and promoted.
    var wrong: Double { isHealthy ? rolledBack : promoted }

    var minutesToDetect: Double? {
        ends.map { if case .rolledBack(let minute) = $0 { Double(minute) } else { nil } }.medianOrNever
    }

    var minutesToPromote: Double? {
        ends.map { if case .promoted(let minute) = $0 { Double(minute) } else { nil } }.medianOrNever
    }

    var described: String {
        let minutes = (isHealthy ? minutesToPromote : minutesToDetect).map { "in \(text($0)) min" } ?? "never"
        var parts = [
            "\(percent(wrong)) \(isHealthy ? "rolled back" : "missed")",
            isHealthy ? "promoted \(minutes)" : "detected \(minutes)",
        ]
        if undecided > 0 { parts.append("\(percent(undecided)) open") }
        return parts.joined(separator: ", ")
    }

    /// Wrong less often, by more than two standard errors, or faster to detect. One wrong and one right result are
    /// added to each side (Agresti and Caffo 2000). Otherwise a few against none would seem to be more than chance.
    func isAhead(of other: CanaryResults) -> Bool {
        let count = Double(ends.count + 2)
        let (own, others) = ((wrong * (count - 2) + 1) / count, (other.wrong * (count - 2) + 1) / count)
        let spread = (own * (1 - own) + others * (1 - others)) / count
        if others - own > 2 * spread.squareRoot() { return true }
        guard !isHealthy, let minutes = minutesToDetect else { return false }
        return minutes < other.minutesToDetect ?? .infinity
    }

    /// Whether it is wrong no more often than mlctl guarantees.
    var keepsPromise: Bool {
        let promised = isHealthy ? Promise.falseRollbackRate : Promise.missedRegressionRate
        return wrong * Double(ends.count) <= Promise.mostWithin(promised, of: ends.count)
    }
}
