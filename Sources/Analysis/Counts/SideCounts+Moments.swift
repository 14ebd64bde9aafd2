/// What stands beside the histogram, bound by bound: clients that gave up, and moments at which requests failed or were slow
/// together.
///
/// The rules are those of all counters. Only what both readings of a sum, or of a difference, can tell is known of it.
extension SideCounts {
    /// - Returns: requests whose client gave up after more than `edge` seconds; 0 where `edge` is not one of the bounds.
    func abandoned(after edge: Double) -> Int { Self.value(abandoned, at: edge, of: bounds) ?? 0 }

    /// The same with those who gave up after more than `edge` seconds as requests that took as long as they waited. Who gave up
    /// before says nothing about that edge, nor about a later one.
    func countingAbandoned(after edge: Double) -> SideCounts {
        let added = abandoned(after: edge)
        guard added > 0 else { return self }
        var counts = self
        let total = latencyTotal
        counts.requests += added
        counts.latency = zip(latency, abandoned).map { $0 + added - min($1, added) } + [total + added]
        return counts
    }

    var impossibilityOfMoments: String? {
        if abandoned.contains(where: { $0 < 0 }) { return "a negative count of clients that gave up" }
        if !abandoned.isEmpty, abandoned.count != bounds.count {
            return "\(abandoned.count) counts of clients that gave up for \(bounds.count) bounds"
        }
        if zip(abandoned, abandoned.dropFirst()).contains(where: { $0 < $1 }) {
            return "more clients that gave up later than earlier"
        }
        if (errorMoments ?? 0) < 0 || slowMoments?.contains(where: { $0 < 0 }) == true {
            return "a negative count of moments"
        }
        if let errorMoments, errorMoments > errors { return "more moments of errors than errors" }
        if let slowMoments, slowMoments.count != bounds.count {
            return "\(slowMoments.count) counts of slow moments for \(bounds.count) bounds"
        }
        return nil
    }

    mutating func takeMoments(_ later: SideCounts, since earlier: SideCounts) {
        let began = earlier.isBeforeAnyRequest
        if later.bounds == earlier.bounds || began {
            abandoned = Self.difference(later.abandoned, earlier.abandoned)
            slowMoments = later.slowMoments.flatMap { slow in
                if let before = earlier.slowMoments { return Self.difference(slow, before) }
                return began ? slow : nil
            }
        }
        errorMoments = later.errorMoments.flatMap { errors in
            if let before = earlier.errorMoments { return errors - before }
            return began ? errors : nil
        }
    }

    /// None at all is written as no counts.
    private static func difference(_ later: [Int], _ earlier: [Int]) -> [Int] {
        if earlier.isEmpty { return later }
        if later.isEmpty { return earlier.map { -$0 } }
        return later.count == earlier.count ? zip(later, earlier).map { $0 - $1 } : later
    }

    func coversMoments(_ other: SideCounts) -> Bool {
        func covers(_ now: [Int], _ before: [Int]) -> Bool {
            now.count != before.count || zip(now, before).allSatisfy { $0 >= $1 }
        }
        return (abandoned.isEmpty ? other.abandoned.allSatisfy { $0 == 0 } : covers(abandoned, other.abandoned))
            && (errorMoments ?? .max) >= other.errorMoments ?? 0
            && covers(slowMoments ?? [], other.slowMoments ?? [])
    }

    /// Of `self`, whose bounds are those of the sum.
    mutating func addMoments(_ left: SideCounts, _ right: SideCounts) {
        if left.abandoned.isEmpty, right.abandoned.isEmpty {
            abandoned = []
        } else {
            abandoned = bounds.map { left.abandoned(after: $0) + right.abandoned(after: $0) }
        }
        // Who had no request has no moments either, whether or not it could tell.
        if left.isIdle, left.errorMoments == nil || !right.isIdle {
            (errorMoments, slowMoments) = (right.errorMoments, right.slowMoments(at: bounds))
        } else if right.isIdle {
            (errorMoments, slowMoments) = (left.errorMoments, left.slowMoments(at: bounds))
        } else {
            errorMoments = left.errorMoments.flatMap { own in right.errorMoments.map { own + $0 } }
            slowMoments = left.slowMoments(at: bounds).flatMap { own in
                right.slowMoments(at: bounds).map { zip(own, $0).map { $0 + $1 } }
            }
        }
    }

    private func slowMoments(at edges: [Double]) -> [Int]? {
        guard let slowMoments, edges != bounds else { return slowMoments }
        let found = edges.compactMap { Self.value(slowMoments, at: $0, of: bounds) }
        return found.count == edges.count ? found : nil
    }

    private static func value(_ counts: [Int], at edge: Double, of bounds: [Double]) -> Int? {
        guard counts.count == bounds.count, let index = bounds.firstIndex(where: { same($0, edge) }) else { return nil }
        return counts[index]
    }
}
