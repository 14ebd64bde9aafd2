import Foundation
import Testing

@testable import Analysis

@Suite struct TargetedEvidenceTests {
    static let boundary = RateBoundary(slope: 1.1, offset: 0)
    static let null = RateNull.atMost(boundary)
    static let guesses = [BaseRate.Guess(rate: 0.01, weight: 1)]
    static let target = log(1 / 0.009)

    static func block(_ stable: Int, of stableCount: Int, _ candidate: Int, of candidateCount: Int) -> RateBlock {
        RateBlock(
            stable: Trials(count: Double(stableCount), successes: Double(stable)),
            candidate: Trials(count: Double(candidateCount), successes: Double(candidate)))
    }

    static func evidence(after candidateErrors: Int, target: Double = target) -> TargetedEvidence {
        var evidence = TargetedEvidence(.increases)
        for _ in 0..<candidateErrors { absorb(block(0, of: 30, 1, of: 10), into: &evidence, target: target) }
        return evidence
    }

    static func absorb(_ block: RateBlock, into evidence: inout TargetedEvidence, target: Double = target) {
        evidence.absorb(block, against: null, grid: .increases, guesses: guesses, target: target)
    }

    /// A number of errors such that one more reaches the target.
    static func errorsBeforeLast() throws -> Int {
        try #require((0..<20).first { evidence(after: $0 + 1, target: .infinity).logValue >= target })
    }

    @Test("the error that reaches the target does not exceed it, and one before it less is lost than with a full stake")
    func stake() throws {
        let count = try Self.errorsBeforeLast()
        #expect(count >= 2)
        let last = Self.evidence(after: count + 1)
        #expect(last.logValue >= Self.target)
        #expect(last.logValue < Self.target + 1e-6)
        var (careful, bold) = (Self.evidence(after: count), Self.evidence(after: count, target: .infinity))
        let before = (careful: careful.logValue, bold: bold.logValue)
        Self.absorb(Self.block(1, of: 30, 0, of: 10), into: &careful)
        Self.absorb(Self.block(1, of: 30, 0, of: 10), into: &bold, target: .infinity)
        #expect(careful.logValue < before.careful)
        #expect(careful.logValue - before.careful > bold.logValue - before.bold)
    }

    @Test(
        "without a target everything is staked: the evidence is that of the mixture, which starts again after each failure"
    )
    func untargeted() {
        var (targeted, plain) = (Self.evidence(after: 0), RestartedMixture(.increases))
        var failed = false
        var traffic = Traffic(seed: 61)
        for _ in 0..<50 {
            let block = traffic.block(size: 200, weight: 0.25, stable: 0.02, candidate: 0.03)
            Self.absorb(block, into: &targeted, target: .infinity)
            if failed { plain.start(.increases) }
            failed = block.candidate.successes > 0
            plain.absorb(
                BlockBets(onBlockLike: block, against: Self.null, grid: .increases, guesses: Self.guesses)
                    .logEVariables(block))
        }
        #expect(abs(targeted.logValue - plain.logValue) < 1e-5)
    }

    /// The whole distribution of a block is summed, at each stage on the way to the target.
    @Test("whatever is staked, the expectation is at most 1 at every point of the null", arguments: 0..<6)
    func expectation(errors: Int) throws {
        let evidence = Self.evidence(after: errors)
        var largest = 0.0
        for (stableCount, candidateCount) in [(6, 2), (10, 10), (9, 1)] {
            for truth in RateBoundaryTests.points(of: Self.null) {
                var sum = 0.0
                for stable in 0...stableCount {
                    for candidate in 0...candidateCount {
                        let chance =
                            Self.chance(of: stable, in: stableCount, at: truth.stable)
                            * Self.chance(of: candidate, in: candidateCount, at: truth.candidate)
                        var after = evidence
                        Self.absorb(
                            Self.block(stable, of: stableCount, candidate, of: candidateCount), into: &after)
                        sum += chance * exp(after.logValue - evidence.logValue)
                    }
                }
                largest = max(largest, sum)
            }
        }
        #expect(largest <= 1 + 1e-8)
        // The stake on the rarest rates reaches it farther out.
        #expect(largest > 0.995, "the bound is met somewhere on the edge, else the test would be too weak to fail")
    }

    static func chance(of successes: Int, in count: Int, at rate: Double) -> Double {
        let ways = (0..<successes).reduce(1.0) { $0 * Double(count - $1) / Double($1 + 1) }
        return ways * pow(rate, Double(successes)) * pow(1 - rate, Double(count - successes))
    }

    @Test("numbers stay finite over blocks of any size, with a target and without", arguments: [target, .infinity])
    func finite(target: Double) {
        var evidence = Self.evidence(after: 0)
        for (stable, candidate) in [(0, 1_000_000_000), (1_000_000_000, 0), (0, 0), (1, 1_000_000_000)] {
            Self.absorb(
                Self.block(stable, of: 1_000_000_000, candidate, of: 1_000_000_000), into: &evidence, target: target)
            #expect(evidence.logValue.isFinite)
        }
    }
}
