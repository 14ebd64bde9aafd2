import ModelManifests

/// Keeps users at the revision that first answered them while an A/B test lasts, even when weights change.
///
/// There is no table of users. For each set of weights there is a Bloom filter of the users who first came under these weights. A
/// user is assigned by the weights of the oldest filter that contains them, and new users by the current weights. A user whom a
/// filter contains by mistake (under 1 %) is assigned by older weights, but always by the same ones.
///
/// # Guarantees
/// - A user in a filter stays at their revision as long as it has a weight. While it has none, others answer.
/// - A new revision begins a new test: all users are assigned again.
///
/// # Caveats
/// - While one revision has all of the weight, no user is assigned or kept.
/// - A full filter accepts no users: later users move when the weights change, and are counted in `unkept`.
/// - After `generationsMax` changes of weights the smallest earlier filter is dropped: its users are assigned again.
struct KeptUsers: Hashable, Sendable {
    static let generationsMax = 16

    /// Weights, and the users who first came under them.
    struct Generation: Hashable, Sendable {
        var revisions: [Revision]
        /// Percent, in the order of the revisions.
        var weights: [Int]
        var users: BloomFilter
    }

    /// The oldest first. The last is the current one.
    private(set) var generations: [Generation]
    /// Requests of users who were not kept because the filter was full.
    private(set) var unkept = 0
    /// Counts new users and changes of weights. If it is unchanged, there is nothing new to save.
    private(set) var changes = 0
    /// For each earlier generation: the index of its revisions in the route, or -1 for revisions without a weight.
    private var serving: [[Int]] = []
    private var isTest = false

    init(_ revisions: [Revision], weights: [Int], capacity: Int) {
        generations = [Generation(revisions: revisions, weights: weights, users: BloomFilter(capacity: capacity))]
        prepare()
    }

    /// Restores stored generations.
    /// - Returns: nil if they are inconsistent.
    init?(_ generations: [Generation]) {
        guard (1...Self.generationsMax).contains(generations.count),
            generations.allSatisfy({ generation in
                generation.revisions.count == generation.weights.count && !generation.revisions.isEmpty
                    && generation.weights.allSatisfy { (0...100).contains($0) }
                    && [0, 100].contains(generation.weights.reduce(0, +))
            })
        else { return nil }
        self.generations = generations
        prepare()
    }

    var count: Int { generations.reduce(0) { $0 + $1.users.count } }

    /// Follows new weights, if they differ.
    mutating func follow(_ revisions: [Revision], weights: [Int], capacity: Int) {
        let now = generations[generations.count - 1]
        guard Set(revisions).isSubset(of: now.revisions) else {
            let changes = changes + 1
            self = KeptUsers(revisions, weights: weights, capacity: capacity)
            self.changes = changes
            return
        }
        guard revisions != now.revisions || weights != now.weights else { return }
        changes += 1
        if now.users.isEmpty { generations.removeLast() }
        if generations.count == Self.generationsMax,
            let smallest = generations.indices.min(by: { generations[$0].users.count < generations[$1].users.count })
        {
            generations.remove(at: smallest)
        }
        generations.append(
            Generation(revisions: revisions, weights: weights, users: BloomFilter(capacity: capacity)))
        prepare()
    }

    private mutating func prepare() {
        let now = generations[generations.count - 1]
        isTest = now.weights.count { $0 > 0 } > 1
        serving = generations.dropLast().map { generation in
            generation.revisions.map { revision in
                now.revisions.firstIndex(of: revision).flatMap { now.weights[$0] > 0 ? $0 : nil } ?? -1
            }
        }
    }

    /// The index in the route of the revision that answers this user.
    /// - Parameter remembers: false for a request that is not the user's own.
    mutating func revision(of hash: UInt64, remembers: Bool) -> Int {
        let point = StickyHash.point(of: hash)
        let last = generations.count - 1
        for index in 0..<last where generations[index].users.contains(hash) {
            let place = serving[index][StickyHash.revision(at: point, weights: generations[index].weights)]
            if place >= 0 { return place }
        }
        if isTest, remembers {
            switch generations[last].users.insert(hash) {
            case .isNew: changes += 1
            case .wasThere: break
            case .isFull: unkept += 1
            }
        }
        return StickyHash.revision(at: point, weights: generations[last].weights)
    }
}
