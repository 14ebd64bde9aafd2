/// Users that were already counted. With sticky routing the user is the unit of randomisation, so only the first request of each
/// user is evidence.
///
/// Bounded: two halves of `capacity` hashes. When the younger half is full, the older one is dropped. So at least the last
/// `capacity / 2` keys are known, and a user who comes back after more others than that counts again. Cleared when the route's
/// set of revisions changes, that is, for each new candidate.
struct RecentKeys: Sendable {
    private let half: Int
    private var young: Set<UInt64> = []
    private var old: Set<UInt64> = []

    init(capacity: Int) { half = max(1, capacity / 2) }

    var count: Int { young.count + old.count }

    func contains(_ hash: UInt64) -> Bool { young.contains(hash) || old.contains(hash) }

    /// Adds the key. Returns true if it was not known.
    mutating func insert(_ hash: UInt64) -> Bool {
        if old.contains(hash) { return false }
        guard young.insert(hash).inserted else { return false }
        if young.count >= half {
            old = young
            young = []
        }
        return true
    }

    mutating func removeAll() {
        young = []
        old = []
    }
}
