import Foundation
import Testing

@testable import Analysis

@Suite struct ShiftEvidenceTests {
    static func known(_ block: BucketBlock) -> LearnedShares {
        var known = LearnedShares(bucketCount: block.stable.count)
        known.learn(block)
        return known
    }

    @Test("before anything is known, nothing is bet")
    func start() {
        var evidence = ShiftEvidence()
        evidence.absorb(
            BucketBlock(stable: [100, 0], candidate: [0, 100]), known: LearnedShares(bucketCount: 2),
            recent: LearnedShares(bucketCount: 2), against: ShiftNull(maxShift: 0))
        #expect(abs(evidence.logValue) < 1e-6)
    }

    @Test("a bucket that differs by the margin in either direction, on either side, is not excluded")
    func bothDirections() {
        let even = BucketBlock(stable: [300, 300], candidate: [100, 100])
        for (stable, candidate) in [(300, 140), (300, 60), (420, 100), (180, 100)] {
            var evidence = NoShiftEvidence(bucketCount: 2)
            let block = BucketBlock(stable: [stable, 600 - stable], candidate: [candidate, 200 - candidate])
            for _ in 0..<5 { evidence.absorb(block, known: Self.known(even), passShift: 0.1) }
            #expect(evidence.peak < log(20))
        }
        var equal = NoShiftEvidence(bucketCount: 2)
        for _ in 0..<5 { equal.absorb(even, known: Self.known(even), passShift: 0.1) }
        #expect(equal.peak > log(20))
    }

    @Test("the largest margin is excluded at once, and counts of any size stay finite")
    func ends() {
        let block = BucketBlock(stable: [1_000_000_000, 0], candidate: [0, 1_000_000_000])
        var evidence = NoShiftEvidence(bucketCount: 2)
        for _ in 0..<3 { evidence.absorb(block, known: Self.known(block), passShift: 1) }
        #expect(evidence.peak == 0)
        var equal = NoShiftEvidence(bucketCount: 2)
        let same = BucketBlock(stable: [50, 50], candidate: [50, 50])
        equal.absorb(same, known: Self.known(same), passShift: 1)
        #expect(equal.peak > log(1_000))
    }
}
