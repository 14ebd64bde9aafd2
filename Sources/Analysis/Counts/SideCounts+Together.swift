/// The counts for each bound that a histogram cannot express: clients that gave up, and how many requests failed, or
/// were slow, in one event.
///
/// The rules are those of all counters. A sum or difference is known only as far as both readings report it.
extension SideCounts {
    /// - Returns: the requests whose client gave up after more than `edge` seconds. 0 if `edge` is not one of the
    ///   bounds.
    func abandoned(after edge: Double) -> Int { Self.value(abandoned, at: edge, of: bounds) ?? 0 }

    /// These counts, with the clients that gave up after more than `edge` seconds added as requests that took as long
    /// as they waited. A client that gave up earlier says nothing about that edge or a later one.
    func countingAbandoned(after edge: Double) -> SideCounts {
        let added = abandoned(after: edge)
        guard added > 0 else { return self }
        var counts = self
        let total = latencyTotal
        counts.requests += added
        counts.latency = zip(latency, abandoned).map { $0 + added - min($1, added) } + [total + added]
        return counts
    }

    var impossibilityOfTogether: String? {
        if abandoned.contains(where: { $0 < 0 }) { return "a negative count of clients that gave up" }
        if !abandoned.isEmpty, abandoned.count != bounds.count {
            return "\(abandoned.count) counts of clients that gave up for \(bounds.count) bounds"
        }
        if zip(abandoned, abandoned.dropFirst()).contains(where: { $0 < $1 }) {
            return "more clients that gave up later than earlier"
        }
        if slowTogether?.contains(where: { $0 < 0 }) == true { return "a negative count of slow requests together" }
        if let errorsTogether, errorsTogether < errors {
            return "event sizes that are smaller than the number of errors"
        }
        if let slowTogether, slowTogether.count != bounds.count {
            return "\(slowTogether.count) counts of slow requests together for \(bounds.count) bounds"
        }
        return nil
    }

    mutating func setEventSizes(_ later: SideCounts, since earlier: SideCounts) {
        let began = earlier.isBeforeAnyRequest
        if later.bounds == earlier.bounds || began {
            abandoned = Self.difference(later.abandoned, earlier.abandoned)
            slowTogether = later.slowTogether.flatMap { slow in
                if let before = earlier.slowTogether { return Self.difference(slow, before) }
                return began ? slow : nil
            }
        }
        errorsTogether = later.errorsTogether.flatMap { errors in
            if let before = earlier.errorsTogether { return errors - before }
            return began ? errors : nil
        }
    }

    /// An empty list stands for zeros.
    private static func difference(_ later: [Int], _ earlier: [Int]) -> [Int] {
        if earlier.isEmpty { return later }
        if later.isEmpty { return earlier.map { -$0 } }
        return later.count == earlier.count ? zip(later, earlier).map { $0 - $1 } : later
    }

    func coversEventSizes(_ other: SideCounts) -> Bool {
        func covers(_ now: [Int], _ before: [Int]) -> Bool {
            now.count != before.count || zip(now, before).allSatisfy { $0 >= $1 }
        }
        return (abandoned.isEmpty ? other.abandoned.allSatisfy { $0 == 0 } : covers(abandoned, other.abandoned))
            && (errorsTogether ?? .max) >= other.errorsTogether ?? 0
            && covers(slowTogether ?? [], other.slowTogether ?? [])
    }

    /// The bounds of `self` are those of the sum.
    mutating func addEventSizes(_ left: SideCounts, _ right: SideCounts) {
        if left.abandoned.isEmpty, right.abandoned.isEmpty {
            abandoned = []
        } else {
            abandoned = bounds.map { left.abandoned(after: $0) + right.abandoned(after: $0) }
        }
        // A side without requests has no requests that failed together, whether or not its source can tell.
        errorsTogether = Self.sum(left, right, left.errorsTogether, right.errorsTogether) { $0 + $1 }
        slowTogether = Self.sum(left, right, left.slowTogether(at: bounds), right.slowTogether(at: bounds)) {
            zip($0, $1).map { $0 + $1 }
        }
    }

    private static func sum<Value>(
        _ left: SideCounts, _ right: SideCounts, _ ofLeft: Value?, _ ofRight: Value?, _ add: (Value, Value) -> Value
    ) -> Value? {
        if let ofLeft, let ofRight { return add(ofLeft, ofRight) }
        return left.isIdle ? ofRight ?? (right.isIdle ? ofLeft : nil) : right.isIdle ? ofLeft : nil
    }

    /// The event sizes of requests that were slower, or were abandoned later, than `edge` seconds.
    func slowTogether(over edge: Double) -> Int? { slowTogether.flatMap { Self.value($0, at: edge, of: bounds) } }

    private func slowTogether(at edges: [Double]) -> [Int]? {
        guard let slowTogether, edges != bounds else { return slowTogether }
        let found = edges.compactMap { Self.value(slowTogether, at: $0, of: bounds) }
        return found.count == edges.count ? found : nil
    }

    static func value(_ counts: [Int], at edge: Double, of bounds: [Double]) -> Int? {
        guard counts.count == bounds.count, let index = bounds.firstIndex(where: { same($0, edge) }) else { return nil }
        return counts[index]
    }
}
