import Testing

@testable import Analysis

@Suite struct LearnedSharesTests {
    @Test("shares sum to one and none is 0, whatever was seen", arguments: [0, 16, 256])
    func shares(concentration: Double) {
        var known = LearnedShares(bucketCount: 3)
        known.learn(BucketBlock(stable: [1_000_000, 0, 0], candidate: [0, 30, 0]))
        let shares = known.shares(concentration: max(concentration, 1))
        for side in [shares.stable, shares.candidate, known.pooled] {
            #expect(abs(side.reduce(0, +) - 1) < 1e-12)
            #expect(side.allSatisfy { $0 > 0 })
        }
    }

    @Test("more weight on the pooled shares makes the shift smaller")
    func drawn() {
        var known = LearnedShares(bucketCount: 2)
        known.learn(BucketBlock(stable: [80, 20], candidate: [20, 80]))
        let shifts = [1.0, 16, 64, 256].map { known.shares(concentration: $0).shift }
        #expect(zip(shifts, shifts.dropFirst()).allSatisfy { $0 > $1 })
    }

    @Test("the past fades on both sides at once")
    func fades() {
        var known = LearnedShares(bucketCount: 2)
        for _ in 0..<100 { known.learn(BucketBlock(stable: [900, 0], candidate: [100, 0])) }
        for _ in 0..<100 { known.learn(BucketBlock(stable: [0, 900], candidate: [0, 100])) }
        #expect(known.candidate.reduce(0, +) <= LearnedShares.memory)
        #expect(known.stable[1] > 3 * known.stable[0])
        let ratio = Double(known.stable.reduce(0, +)) / Double(known.candidate.reduce(0, +))
        #expect(abs(ratio - 9) < 0.01)
    }

    @Test("a block that outweighs everything known is only learned from")
    func judges() {
        var known = LearnedShares(bucketCount: 2)
        #expect(!known.canJudge(BucketBlock(stable: [1, 0], candidate: [1, 0])))
        known.learn(BucketBlock(stable: [50, 0], candidate: [50, 0]))
        #expect(known.canJudge(BucketBlock(stable: [200, 0], candidate: [200, 0])))
        #expect(!known.canJudge(BucketBlock(stable: [201, 0], candidate: [200, 0])))
    }
}
