import Foundation
import Testing

@testable import Analysis

@Suite struct LatencyEdgesTests {
    static let edges = [0.1, 0.125, 0.16, 0.2, 0.25]

    @Test("the candidate's edge for a failure is the first beyond the tolerance, for a pass the last within the margin")
    func pairs() throws {
        let chosen = LatencyEdges(among: Self.edges, at: 2, tolerance: 0.1, margin: 0.5)
        let below = try #require(chosen.pair(.failBelow))
        let at = try #require(chosen.pair(.failAt))
        let pass = try #require(chosen.pair(.pass))
        #expect(below == (0.125, 0.16))
        #expect(at == (0.16, 0.2))
        #expect(pass == (0.16, 0.2))
        let wide = LatencyEdges(among: Self.edges, at: 2, tolerance: 0.3, margin: 0.6)
        #expect(try #require(wide.pair(.failBelow)) == (0.125, 0.2))
        #expect(try #require(wide.pair(.failAt)) == (0.16, 0.25))
        #expect(try #require(wide.pair(.pass)) == (0.16, 0.25))
    }

    @Test("a tolerance of exactly one bucket selects that bucket, despite decimal rounding")
    func exact() throws {
        let chosen = LatencyEdges(among: [0.1, 0.11, 0.3], at: 0, tolerance: 0.1, margin: 0.1)
        #expect(try #require(chosen.pair(.failAt)) == (0.1, 0.11))
        #expect(try #require(chosen.pair(.pass)) == (0.1, 0.11))
    }

    @Test("at the ends of the histogram some pairs are missing")
    func ends() {
        let first = LatencyEdges(among: Self.edges, at: 0, tolerance: 0.1, margin: 0.1)
        #expect(first.pair(.failBelow) == nil)
        #expect(first.canFail)
        #expect(!first.canPass)
        let last = LatencyEdges(among: Self.edges, at: 4, tolerance: 0.5, margin: 0.5)
        #expect(!last.canFail)
        #expect(!last.canPass)
    }

    @Test("blocks are added at the edges of the first")
    func blocks() throws {
        func interval(_ stable: [Int], _ candidate: [Int]) -> Interval {
            func counts(_ latency: [Int]) -> SideCounts {
                SideCounts(requests: latency.last ?? 0, latency: latency, bounds: Self.edges)
            }
            return Interval(
                at: Date(timeIntervalSinceReferenceDate: 0), stable: counts(stable), candidate: counts(candidate))
        }
        let chosen = LatencyEdges(among: Self.edges, at: 2, tolerance: 0.1, margin: 0.5)
        let one = try #require(LatencyBlock(interval([5, 7, 8, 9, 10, 10], [1, 2, 3, 4, 4, 4]), at: chosen))
        let two = try #require(LatencyBlock(interval([0, 0, 0, 0, 0, 5], [0, 0, 0, 0, 0, 0]), at: chosen))
        let sum = one + two
        #expect(
            sum.shares(.failBelow)
                == RateBlock(stable: Trials(count: 15, successes: 8), candidate: Trials(count: 4, successes: 1)))
        #expect(
            sum.shares(.pass)
                == RateBlock(stable: Trials(count: 15, successes: 7), candidate: Trials(count: 4, successes: 0)))
        let other = SideCounts(requests: 3, latency: [3], bounds: [0.7])
        let lacking = Interval(at: Date(timeIntervalSinceReferenceDate: 0), stable: other, candidate: other)
        #expect(LatencyBlock(lacking, at: chosen) == nil)
    }
}
