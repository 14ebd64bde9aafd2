import Serving

/// How one instance served lately: what tells it from its siblings.
struct RecentService: Hashable, Sendable {
    private(set) var failures = FailureShare()
    private(set) var failuresInARow = 0
    /// Since it came, or was restarted.
    private(set) var requests = 0
    /// A mean that forgets, over some 16 requests.
    private(set) var meanNanoseconds: Int64 = 0

    @inline(__always)
    mutating func note(failed: Bool, nanoseconds: Int64) {
        failures.note(failed: failed)
        failuresInARow = failed ? failuresInARow &+ 1 : 0
        requests &+= 1
        meanNanoseconds += requests == 1 ? nanoseconds : (nanoseconds - meanNanoseconds) >> 4
    }
}

/// Which instances of a revision serve much worse than their siblings: those are bad, and not the model.
///
/// # Guarantees
/// - At least half of the instances stay: where most fail, it is the model (Envoy calls it the panic threshold).
/// - Nothing is concluded from an instance without a sibling that has served meanwhile.
enum Outliers {
    static let failuresInARow = 5
    /// Requests of each that a comparison of shares or times takes.
    static let requestsToCompare = 16
    static let timesSlower: Int64 = 8
    static let slowNanoseconds: Int64 = 250_000_000

    /// - Parameter service: of each listed instance of one revision; `isOut`: it is out of rotation as an outlier.
    /// - Returns: the places of those to take out now, the worst first.
    static func find(_ service: [(recent: RecentService, isOut: Bool)]) -> [(place: Int, cause: OutlierCause)] {
        let room = service.count / 2 - service.count { $0.isOut }
        guard room > 0 else { return [] }
        let found = service.indices.compactMap { place -> (place: Int, cause: OutlierCause)? in
            guard !service[place].isOut else { return nil }
            let siblings = service.indices.filter { $0 != place && !service[$0].isOut }.map { service[$0].recent }
            return cause(service[place].recent, beside: siblings).map { (place, $0) }
        }
        // All of those that qualify may be too many: then it is not one bad instance.
        return found.count <= room ? found : []
    }

    private static func cause(_ own: RecentService, beside siblings: [RecentService]) -> OutlierCause? {
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
