import Serving

/// How one instance served recently, for comparison with its siblings.
struct RecentPerformance: Hashable, Sendable {
    private(set) var failures = RecentFailureShare()
    private(set) var failuresInARow = 0
    /// Since it was added, or restarted.
    private(set) var requests = 0
    /// The mean latency: an exponential moving average over about 16 requests.
    private(set) var meanNanoseconds: Int64 = 0

    @inline(__always)
    mutating func note(failed: Bool, nanoseconds: Int64) {
        failures.note(failed: failed)
        failuresInARow = failed ? failuresInARow &+ 1 : 0
        requests &+= 1
        meanNanoseconds += requests == 1 ? nanoseconds : (nanoseconds - meanNanoseconds) >> 4
    }
}

/// Finds the instances of a revision that serve much worse than their siblings. Then the instance is bad, not the model.
///
/// # Guarantees
/// - At least half of the instances stay: if most fail, the model is the cause (Envoy calls this the panic threshold).
/// - An instance is judged only if a sibling has served in the same time.
enum Outliers {
    static let failuresInARow = 5
    /// The minimum of requests of each instance for a comparison of failure shares or latencies.
    static let requestsToCompare = 16
    static let timesSlower: Int64 = 8
    static let slowNanoseconds: Int64 = 250_000_000

    /// - Parameter service: the listed instances of one revision. `isOut`: it is ejected as an outlier.
    /// - Returns: the indices of the instances to eject now.
    static func find(_ service: [(recent: RecentPerformance, isOut: Bool)]) -> [(place: Int, cause: OutlierCause)] {
        let room = service.count / 2 - service.count { $0.isOut }
        guard room > 0 else { return [] }
        let found = service.indices.compactMap { place -> (place: Int, cause: OutlierCause)? in
            guard !service[place].isOut else { return nil }
            let siblings = service.indices.filter { $0 != place && !service[$0].isOut }.map { service[$0].recent }
            return cause(service[place].recent, beside: siblings).map { (place, $0) }
        }
        // If too many instances qualify, the cause is not one bad instance.
        return found.count <= room ? found : []
    }

    private static func cause(_ own: RecentPerformance, beside siblings: [RecentPerformance]) -> OutlierCause? {
        let served = siblings.filter { $0.requests > 0 }
        guard !served.isEmpty else { return nil }
        let isFailing =
            own.failuresInARow >= failuresInARow
            || own.requests >= requestsToCompare && own.failures.isMostly
        if isFailing, served.allSatisfy({ !$0.failures.isOften && $0.failuresInARow < 2 }) { return .failing }
        let times = served.filter { $0.requests >= requestsToCompare }.map(\.meanNanoseconds).sorted()
        guard !times.isEmpty, own.requests >= requestsToCompare, own.meanNanoseconds >= slowNanoseconds,
            own.meanNanoseconds / timesSlower >= times[times.count / 2]
        else { return nil }
        return .slow
    }
}
