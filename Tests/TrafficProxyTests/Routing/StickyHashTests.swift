import Serving
import Testing

@testable import TrafficProxy

@Suite struct StickyHashTests {
    @Test("it is SipHash-2-4: the reference vector of its authors")
    func referenceVector() {
        let message = (0..<15).map { UInt8($0) }
        let hash = message.withUnsafeBytes {
            SipHash(keyLow: 0x0706_0504_0302_0100, keyHigh: 0x0f0e_0d0c_0b0a_0908).hash($0)
        }
        #expect(hash == 0xa129_ca61_49be_45e5)
    }

    @Test("a key has the same point in every process and every version")
    func pinned() {
        let hash = StickyHash(salt: "payments/fraud-scorer")
        let points = ["alice", "bob", "", "a key of more than eight bytes"].map { StickyHash.point(of: hash.hash($0)) }
        #expect(points == Self.pinnedPoints)
    }

    @Test("while the candidate's weight grows, users move to it and none moves back")
    func monotone() {
        let hash = StickyHash(salt: "default/d")
        for user in 0..<2000 {
            let point = StickyHash.point(of: hash.hash("user-\(user)"))
            var wasCandidate = false
            for weight in 0...100 {
                let isCandidate = StickyHash.revision(at: point, weights: [100 - weight, weight]) == 1
                #expect(isCandidate || !wasCandidate)
                wasCandidate = isCandidate
            }
            #expect(wasCandidate)
        }
    }

    @Test("the share of users is the weight", arguments: [1, 5, 25, 50])
    func share(weight: Int) {
        let hash = StickyHash(salt: "default/d")
        let users = 20_000
        let moved = (0..<users).count { user in
            StickyHash.revision(at: StickyHash.point(of: hash.hash("u\(user)")), weights: [100 - weight, weight]) == 1
        }
        let expected = Double(users * weight) / 100
        // Five standard deviations of a binomial count.
        #expect(abs(Double(moved) - expected) < 5 * (expected * (1 - Double(weight) / 100)).squareRoot())
    }

    @Test("in another deployment other users are the first to move")
    func salted() {
        let one = StickyHash(salt: "default/one")
        let two = StickyHash(salt: "default/two")
        let first = (0..<1000).filter { StickyHash.point(of: one.hash("u\($0)")) >= 9000 }
        let both = first.filter { StickyHash.point(of: two.hash("u\($0)")) >= 9000 }
        #expect(!first.isEmpty && both.count < first.count / 2)
    }

    @Test("a revision with weight 0 has no point")
    func withoutWeight() {
        for point in 0..<StickyHash.points {
            #expect(StickyHash.revision(at: point, weights: [0, 100, 0]) == 1)
        }
    }

    private static let pinnedPoints = [113, 6802, 9996, 9170]
}
