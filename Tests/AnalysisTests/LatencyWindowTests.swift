import Testing

@testable import Analysis

@Suite struct LatencyWindowTests {
    static func counts(_ latency: [Int], bounds: [Double] = [0.1, 0.25, 1]) -> SideCounts {
        SideCounts(requests: latency.last ?? 0, latency: latency, bounds: bounds)
    }

    @Test("a quantile is told as the bucket that holds it")
    func described() {
        var window = LatencyWindow()
        #expect(window.described(0.5, .stable) == "not known")
        window.learn(stable: Self.counts([40, 80, 95, 100]), candidate: Self.counts([0, 0, 9, 10]))
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
            window.learn(stable: Self.counts([.max, .max, .max, .max]), candidate: SideCounts())
        }
        #expect(window.total(.stable) <= LatencyWindow.memory)
        for _ in 0..<200 { window.learn(stable: Self.counts([0, 0, 1_000, 1_000]), candidate: SideCounts()) }
        #expect(window.described(0.5, .stable) == "between 0.25 and 1 s")
    }

    @Test("of many buckets, those around stable's quantile are kept")
    func trimmed() {
        var window = LatencyWindow()
        let bounds = (1...60).map { Double($0) }
        window.learn(stable: Self.counts((1...60).map { $0 * 10 } + [600], bounds: bounds), candidate: SideCounts())
        window.trim(around: 49)
        #expect(window.edges.count == LatencyWindow.edgeLimit)
        #expect(window.edges.first == 41)
        #expect(window.total(.stable) == 600)
        #expect(window.index(of: 0.75, .stable).map { window.edges[$0] } == 45)
        window.trim(around: 2)
        #expect(window.edges.first == 41, "what is gone is gone")
    }

    @Test("other buckets than before begin it anew")
    func anew() {
        var window = LatencyWindow()
        window.learn(stable: Self.counts([40, 80, 95, 100]), candidate: SideCounts())
        window.learn(stable: Self.counts([5, 10], bounds: [0.3]), candidate: SideCounts())
        #expect(window.problem == "stable and candidate have no latency bucket in common")
        window.learn(stable: Self.counts([5, 10], bounds: [0.3]), candidate: SideCounts())
        #expect(window.edges == [0.3])
        #expect(window.problem == nil)
    }
}
