import Testing

@testable import Analysis

@Suite struct LatencyWindowTests {
    static func counts(_ latency: [Int], bounds: [Double] = [0.1, 0.25, 1]) -> SideCounts {
        SideCounts(requests: latency.last ?? 0, latency: latency, bounds: bounds)
    }

    @Test("a quantile is shown as the bucket that holds it")
    func described() {
        var window = LatencyWindow()
        #expect(window.described(0.5, .stable) == "not known")
        _ = window.learn(stable: Self.counts([40, 80, 95, 100]), candidate: Self.counts([0, 0, 9, 10]))
        #expect(window.described(0.25, .stable) == "at most 100 ms")
        #expect(window.described(0.5, .stable) == "between 100 and 250 ms")
        #expect(window.described(0.95, .stable) == "between 0.25 and 1 s")
        #expect(window.described(0.99, .stable) == "over 1 s")
        #expect(window.described(0.5, .candidate) == "between 0.25 and 1 s")
    }

    @Test("the past fades, and no count can overflow")
    func fades() {
        var window = LatencyWindow()
        for _ in 0..<10 {
            _ = window.learn(stable: Self.counts([.max, .max, .max, .max]), candidate: SideCounts())
        }
        #expect(window.total(.stable) <= LatencyWindow.memory)
        for _ in 0..<200 { _ = window.learn(stable: Self.counts([0, 0, 1_000, 1_000]), candidate: SideCounts()) }
        #expect(window.described(0.5, .stable) == "between 0.25 and 1 s")
    }

    @Test("of many buckets, those around stable's quantile are kept")
    func trimmed() {
        var window = LatencyWindow()
        let bounds = (1...60).map { Double($0) }
        _ = window.learn(stable: Self.counts((1...60).map { $0 * 10 } + [600], bounds: bounds), candidate: SideCounts())
        window.trim(around: 49)
        #expect(window.edges.count == LatencyWindow.edgeLimit)
        #expect(window.edges.first == 44)
        #expect(window.total(.stable) == 600)
        let quantile = window.index(of: 0.75, .stable)
        #expect(quantile == 1, "45, the second of the edges that are left")
        window.trim(around: 2)
        #expect(window.edges.first == 44, "what is gone is gone")
    }

    @Test("a quantile that leaves the kept buckets starts again, with the whole histogram")
    func leaves() {
        var window = LatencyWindow()
        let bounds = (1...60).map { Double($0) }
        func counts(at bucket: Int) -> SideCounts {
            Self.counts((1...60).map { $0 >= bucket ? 50_000 : 0 } + [50_000], bounds: bounds)
        }
        _ = window.learn(stable: counts(at: 10), candidate: SideCounts())
        window.trim(around: 9)
        #expect(window.edges.last == 19)
        for _ in 0..<2 { _ = window.learn(stable: counts(at: 55), candidate: SideCounts()) }
        #expect(window.index(of: 0.5, .stable) == window.edges.count)
        window.trim(around: window.edges.count)
        #expect(window.edges.isEmpty)
        _ = window.learn(stable: counts(at: 55), candidate: SideCounts())
        #expect(window.described(0.5, .stable) == "between 54 and 55 s")
    }

    @Test("changed buckets start again")
    func anew() {
        var window = LatencyWindow()
        _ = window.learn(stable: Self.counts([40, 80, 95, 100]), candidate: SideCounts())
        let problem = window.learn(stable: Self.counts([5, 10], bounds: [0.3]), candidate: SideCounts())
        #expect(problem == "stable and candidate have no latency bucket in common")
        let next = window.learn(stable: Self.counts([5, 10], bounds: [0.3]), candidate: SideCounts())
        #expect(next == nil)
        #expect(window.edges == [0.3])
    }
}
