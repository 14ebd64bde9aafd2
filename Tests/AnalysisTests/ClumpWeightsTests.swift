import Testing

@testable import Analysis

@Suite("The weight of a look")
struct ClumpWeightsTests {
    /// A look with 38 requests of stable and 12 of the candidate.
    private static func look(stable: (Int, together: Int?) = (0, 0), candidate: (Int, together: Int?)) -> RateBlock {
        func trials(_ count: Double, _ failed: (Int, together: Int?)) -> Trials {
            Trials(count: count, successes: Double(failed.0), together: failed.together.map(Double.init))
        }
        return RateBlock(stable: trials(38, stable), candidate: trials(12, candidate))
    }

    private static func weights(after healthyLooks: Int = 20) -> ClumpWeights {
        var weights = ClumpWeights()
        for index in 0..<healthyLooks {
            _ = weights.weigh(
                look(
                    stable: (index.isMultiple(of: 4) ? 1 : 0, together: index.isMultiple(of: 4) ? 1 : 0),
                    candidate: (0, 0)))
        }
        return weights
    }

    @Test("the weight is one over the size of the event that a failure belongs to, whichever side failed")
    func size() {
        for size in [3, 5, 10] {
            var (one, other) = (Self.weights(), Self.weights())
            let ofCandidate = one.weigh(Self.look(candidate: (size, together: size * size)))
            let ofStable = other.weigh(Self.look(stable: (size, together: size * size), candidate: (0, 0)))
            #expect(abs(ofCandidate * Double(size) - 1) < 0.1)
            #expect(ofCandidate == ofStable)
        }
    }

    @Test("it is one for single failures, and about one for runs that a high rate makes by chance")
    func single() {
        var weights = Self.weights()
        #expect(weights.weigh(Self.look(candidate: (3, together: 3))) == 1)
        #expect(weights.weigh(Self.look(candidate: (0, together: 0))) == 1)
        // Six of ten fail. A failure is in a run of four on average.
        var fresh = ClumpWeights()
        let last = (0..<30).map { _ in fresh.weigh(Self.look(candidate: (7, together: 26))) }.last
        #expect((last ?? 0) > 0.8)
    }

    @Test("it is remembered for a pass, which consists of looks without failures")
    func remembers() {
        var weights = ClumpWeights()
        #expect(weights.meanClump == 1)
        _ = weights.weigh(Self.look(candidate: (5, together: 25)))
        for _ in 0..<50 { _ = weights.weigh(Self.look(candidate: (0, together: 0))) }
        #expect(weights.meanClump > 4.5)
    }

    @Test("it is one for a candidate that has answered no request well, and only for that")
    func broken() {
        var broken = ClumpWeights()
        #expect(broken.weigh(Self.look(candidate: (12, together: 144))) == 1)
        var restarted = Self.weights()
        #expect(restarted.weigh(Self.look(candidate: (12, together: 144))) < 0.1)
    }

    @Test("if the source only counts, it is learned from how failures spread, but never in advance")
    func spread() {
        var clumped = ClumpWeights()
        var single = ClumpWeights()
        #expect(clumped.weigh(Self.look(stable: (30, together: nil), candidate: (10, together: nil))) == 1)
        var last = (1.0, 1.0)
        for index in 0..<60 {
            let isClump = index.isMultiple(of: 5)
            last.0 = clumped.weigh(Self.look(stable: (isClump ? 5 : 0, together: nil), candidate: (0, together: nil)))
            last.1 = single.weigh(Self.look(stable: (1, together: nil), candidate: (index % 2, together: nil)))
        }
        #expect(last.0 < 0.35)
        #expect(last.1 == 1)
    }
}
