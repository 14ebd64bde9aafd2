extension [Bool] {
    var share: Double { Double(count { $0 }) / Double(Swift.max(1, count)) }
}

extension [Double?] {
    /// The median over all. A value that is missing is later than any other.
    var medianOrNever: Double? {
        let sorted = map { $0 ?? .infinity }.sorted()
        guard !sorted.isEmpty, sorted[count / 2].isFinite else { return nil }
        return sorted[count / 2]
    }
}

func percent(_ share: Double) -> String {
    let value = share * 100
    let digits = abs(value - value.rounded()) < 1e-9 ? 0 : (value < 1 ? 2 : 1)
    return text(value, digits) + " %"
}

func whole(_ count: Double?) -> String { count.map { text($0) } ?? "never" }
