import Serving

/// What a sticky route tells beside each user's first request: every request of users, and users by windows of time.

extension UserCounters {
    /// Of two proxies, which see the same windows.
    fileprivate static func + (left: UserCounters, right: UserCounters) -> UserCounters {
        UserCounters(
            windows: max(left.windows, right.windows), units: left.units + right.units,
            failed: left.failed + right.failed, touched: left.touched + right.touched,
            rejected: left.rejected + right.rejected, slowed: SideCounts.sum(left.slowed, right.slowed),
            dropped: left.dropped + right.dropped)
    }

    fileprivate func since(_ earlier: UserCounters) -> UserCounters {
        UserCounters(
            windows: windows - earlier.windows, units: units - earlier.units, failed: failed - earlier.failed,
            touched: touched - earlier.touched, rejected: rejected - earlier.rejected,
            slowed: SideCounts.sum(slowed, earlier.slowed.map { -$0 }), dropped: dropped - earlier.dropped)
    }

    fileprivate var counts: [Int] { [windows, units, failed, touched, rejected, dropped] }

    fileprivate var impossibility: String? {
        if (counts + slowed).contains(where: { $0 < 0 }) { return "a negative count of users" }
        if max(touched, rejected, slowed.first ?? 0) > units || failed > touched {
            return "more failed users than users"
        }
        if zip(slowed, slowed.dropFirst()).contains(where: { $0 < $1 }) {
            return "more users over a larger bound than over a smaller one"
        }
        return nil
    }
}

extension SideCounts {
    /// The same counts for all requests of users.
    var ofEveryRequest: SideCounts {
        guard let every else { return self }
        var counts = self
        (counts.requests, counts.errors, counts.rejected) = (every.requests, every.errors, every.rejected)
        (counts.latency, counts.abandoned) = (every.latency, every.abandoned ?? [])
        (counts.errorsTogether, counts.slowTogether, counts.every) = (nil, nil, nil)
        return counts
    }

    /// Units in which every request was slower than `edge` seconds. Nil if `edge` is not one of the bounds.
    func slowUsers(over edge: Double) -> Int? {
        guard let users else { return nil }
        return users.slowed.isEmpty ? 0 : Self.value(users.slowed, at: edge, of: bounds)
    }

    private var own: RequestStratum {
        RequestStratum(
            requests: requests, errors: errors, rejected: rejected, latency: latency,
            abandoned: abandoned.isEmpty ? nil : abandoned)
    }

    var impossibilityOfUsers: String? {
        if every != nil, let problem = ofEveryRequest.impossibility { return "\(problem) among all requests" }
        guard let users else { return nil }
        if let problem = users.impossibility { return problem }
        if !users.slowed.isEmpty, users.slowed.count != bounds.count {
            return "\(users.slowed.count) counts of slow users for \(bounds.count) bounds"
        }
        return nil
    }

    mutating func setUserCounts(_ later: SideCounts, since earlier: SideCounts) {
        users = later.users.map { $0.since(earlier.users ?? UserCounters()) }
        guard let now = later.every else { return }
        let before = earlier.every ?? earlier.own
        let hasSameBounds = later.bounds == earlier.bounds
        every = RequestStratum(
            requests: now.requests - before.requests, errors: now.errors - before.errors,
            rejected: now.rejected - before.rejected,
            latency: hasSameBounds ? Self.sum(now.latency, before.latency.map { -$0 }) : now.latency,
            abandoned: Self.sum(now.abandoned, before.abandoned.map { $0.map { -$0 } }))
    }

    func coversUserCounts(_ other: SideCounts) -> Bool {
        let (now, before) = (every ?? own, other.every ?? other.own)
        guard now.requests >= before.requests, now.errors >= before.errors, now.rejected >= before.rejected else {
            return false
        }
        let (units, earlier) = (users ?? UserCounters(), other.users ?? UserCounters())
        return zip(units.counts, earlier.counts).allSatisfy { $0 >= $1 }
    }

    mutating func addUserCounts(_ left: SideCounts, _ right: SideCounts) {
        switch (left.users, right.users) {
        case (nil, let only), (let only, nil): users = only
        case (let one?, let other?): users = one + other
        }
        guard left.every != nil || right.every != nil else { return }
        let (one, other) = (left.every ?? left.own, right.every ?? right.own)
        let areComparable = left.bounds == right.bounds || left.bounds.isEmpty || right.bounds.isEmpty
        every = RequestStratum(
            requests: one.requests + other.requests, errors: one.errors + other.errors,
            rejected: one.rejected + other.rejected,
            latency: areComparable ? Self.sum(one.latency, other.latency) : [],
            abandoned: areComparable ? Self.sum(one.abandoned, other.abandoned) : nil)
    }

    /// An empty list stands for zeros.
    fileprivate static func sum(_ left: [Int], _ right: [Int]) -> [Int] {
        if left.isEmpty { return right }
        return right.isEmpty || left.count != right.count ? left : zip(left, right).map { $0 + $1 }
    }

    private static func sum(_ left: [Int]?, _ right: [Int]?) -> [Int]? {
        guard left != nil || right != nil else { return nil }
        return sum(left ?? [], right ?? [])
    }
}
