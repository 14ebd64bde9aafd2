import ModelManifests

/// Users stay with the revision that answered them while an A/B test lasts, also when weights move.
///
/// Not a table of users: for all weights that there were, the set of those who came under them first, as a Bloom filter.
/// A user is placed by the weights of the oldest set that has him, everybody else by the weights of now. Who is taken
/// for a member of a set by mistake (under 1 %) is placed by older weights, but always by the same ones.
///
/// # Guarantees
/// - Whoever is in a set stays with his revision for as long as that has a weight. Meanwhile others answer him.
/// - A revision that comes anew begins a new test: everybody is placed anew.
///
/// # Caveats
/// - While one revision has all of the weight, nobody is assigned and no user is kept.
/// - A set that is full takes nobody: later users move when the weights do, and are counted in `unkept`.
/// - After `generationsMax` changes of weights the smallest set of the past is given up: its users are placed anew.
struct KeptUsers: Hashable, Sendable {
    static let generationsMax = 16

    /// Weights, and who came under them first.
    struct Generation: Hashable, Sendable {
        var revisions: [Revision]
        /// Per cent, in the order of the revisions.
        var weights: [Int]
        var users: BloomFilter
    }

    /// The oldest first; the last is that of now.
    private(set) var generations: [Generation]
    /// Requests whose user was not kept, for want of room.
    private(set) var unkept = 0
    /// Users and weights that came: it tells whether there is anything new to keep.
    private(set) var changes = 0
    /// For every generation of the past: where its revisions are in the route; -1 for those without a weight.
    private var serving: [[Int]] = []
    private var isTest = false

    init(_ revisions: [Revision], weights: [Int], capacity: Int) {
        generations = [Generation(revisions: revisions, weights: weights, users: BloomFilter(capacity: capacity))]
        prepare()
    }

    /// Those that were kept.
    /// - Returns: nil where they make no sense.
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

    /// The weights move, or do not.
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

    /// Where in the route the revision is that answers this user.
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
