import Foundation
import ModelManifests
import TestSupport
import Testing

@testable import TrafficProxy

@Suite struct KeptUsersTests {
    private static let deployment = DeploymentKey(name: "d")
    private static let sides = [Revision(rawValue: "a"), Revision(rawValue: "b")]
    private static let hash = StickyHash(salt: "default/d")
    private static let capacity = 50_000

    private static func test(_ weight: Int, capacity: Int = Self.capacity) -> KeptUsers {
        KeptUsers(sides, weights: [100 - weight, weight], capacity: capacity)
    }

    /// The index in the route of each user's revision.
    private static func places(_ users: Range<Int>, _ kept: inout KeptUsers) -> [Int] {
        users.map { kept.revision(of: hash.hash("user-\($0)"), remembers: true) }
    }

    /// Stores and restores, as if the proxy had restarted.
    private static func restarted(_ kept: KeptUsers) throws -> KeptUsers {
        let bytes = try JSONEncoder().encode(StoredKeptUsers(deployment, kept))
        return try JSONDecoder().decode(StoredKeptUsers.self, from: bytes).users(of: deployment)
    }

    @Test(
        "of 10,000 users none moves while weights change, and new users follow the new weights",
        arguments: [false, true])
    func nobodyMoves(restarts: Bool) throws {
        var kept = Self.test(10)
        var known = Self.places(0..<10_000, &kept)
        for weight in [50, 70, 20, 10] {
            if restarts { kept = try Self.restarted(kept) }
            kept.follow(Self.sides, weights: [100 - weight, weight], capacity: Self.capacity)
            if restarts { kept = try Self.restarted(kept) }
            #expect(Self.places(0..<known.count, &kept) == known)
            let new = Self.places(known.count..<known.count + 10_000, &kept)
            let share = Double(new.count { $0 == 1 })
            let deviation = (10_000 * Double(weight) / 100 * (1 - Double(weight) / 100)).squareRoot()
            // Five standard deviations of a binomial count, plus users taken for older ones.
            #expect(abs(share - Double(weight) * 100) < 5 * deviation + 10)
            known += new
        }
        #expect(Self.places(0..<known.count, &kept) == known)
        #expect(kept.unkept == 0)
        // Users who were taken for members of an older filter are missing.
        #expect((49_500...50_000).contains(kept.count))
    }

    @Test("a revision whose weight becomes 0 loses its users, and gets them back with a weight")
    func withoutWeight() {
        var kept = Self.test(30)
        let first = Self.places(0..<2000, &kept)
        kept.follow(Self.sides, weights: [100, 0], capacity: Self.capacity)
        let meanwhile = Self.places(0..<3000, &kept)
        #expect(Set(meanwhile) == [0])
        kept.follow(Self.sides, weights: [60, 40], capacity: Self.capacity)
        #expect(Self.places(0..<2000, &kept) == first)
        // Users who came while nobody was assigned are assigned by the current weights.
        let share = Self.places(2000..<3000, &kept).count { $0 == 1 }
        #expect((320...480).contains(share))
        kept.follow(Self.sides, weights: [0, 100], capacity: Self.capacity)
        let all = Self.places(0..<3000, &kept)
        #expect(Set(all) == [1])
    }

    @Test("a removed revision's users go to the others, who keep their own")
    func leaves() {
        let three = Self.sides + [Revision(rawValue: "c")]
        var kept = KeptUsers(three, weights: [40, 30, 30], capacity: Self.capacity)
        let first = Self.places(0..<2000, &kept)
        kept.follow([three[0], three[2]], weights: [50, 50], capacity: Self.capacity)
        let second = Self.places(0..<2000, &kept)
        for (before, after) in zip(first, second) where before != 1 { #expect(after == (before == 2 ? 1 : 0)) }
        kept.follow([three[0], three[2]], weights: [90, 10], capacity: Self.capacity)
        #expect(Self.places(0..<2000, &kept) == second)
    }

    @Test("a new revision begins a new test: all users are assigned by its weights")
    func newTest() {
        var kept = Self.test(50)
        _ = Self.places(0..<2000, &kept)
        let before = kept.changes
        kept.follow([Self.sides[0], Revision(rawValue: "c")], weights: [90, 10], capacity: Self.capacity)
        #expect(kept.count == 0 && kept.changes > before)
        let share = Self.places(0..<2000, &kept).count { $0 == 1 }
        #expect((130...270).contains(share))
    }

    @Test("no user is kept before the candidate has a weight")
    func notYet() {
        var kept = Self.test(0)
        _ = Self.places(0..<1000, &kept)
        #expect(kept.count == 0)
        kept.follow(Self.sides, weights: [50, 50], capacity: Self.capacity)
        #expect(kept.generations.count == 1)
        let share = Self.places(0..<1000, &kept).count { $0 == 1 }
        #expect((400...600).contains(share))
    }

    @Test("a full filter accepts no users: they are assigned by the weights, and counted")
    func full() {
        var kept = Self.test(50, capacity: 100)
        _ = Self.places(0..<100, &kept)
        #expect(kept.unkept == 0)
        let changes = kept.changes
        let later = Self.places(100..<200, &kept)
        #expect(kept.unkept > 90 && kept.changes == changes)
        #expect(Self.places(100..<200, &kept) == later)
    }

    @Test("requests that are not a user's own make no user known")
    func notTheUsers() {
        var kept = Self.test(50)
        _ = kept.revision(of: 1, remembers: false)
        #expect(kept.count == 0 && kept.changes == 0)
    }

    @Test("there are at most 16 filters: the smallest earlier one is dropped, and only its users move")
    func bounded() {
        var kept = Self.test(1)
        let many = Self.places(0..<500, &kept)
        for weight in 2...40 {
            kept.follow(Self.sides, weights: [100 - weight, weight], capacity: Self.capacity)
            _ = Self.places(weight * 1000..<weight * 1000 + 10, &kept)
            #expect(kept.generations.count <= KeptUsers.generationsMax)
        }
        #expect(Self.places(0..<500, &kept) == many)
    }

    @Test("weights that change without users in between leave no filter behind")
    func noTrace() {
        var kept = Self.test(10)
        kept.follow(Self.sides, weights: [50, 50], capacity: Self.capacity)
        kept.follow(Self.sides, weights: [90, 10], capacity: Self.capacity)
        #expect(kept.generations.count == 1)
        let changes = kept.changes
        kept.follow(Self.sides, weights: [90, 10], capacity: Self.capacity)
        #expect(kept.changes == changes)
    }
}
