import Serving
import Testing

@testable import TrafficProxy

@Suite("Instances that serve much worse than their siblings")
struct RecentPerformanceTests {
    private func service(_ good: Int, thenFailed failed: Int = 0, milliseconds: Int64 = 5) -> RecentPerformance {
        var recent = RecentPerformance()
        for _ in 0..<good { recent.note(failed: false, nanoseconds: milliseconds * 1_000_000) }
        for _ in 0..<failed { recent.note(failed: true, nanoseconds: 1_000_000) }
        return recent
    }

    private func found(_ service: RecentPerformance..., out: Set<Int> = []) -> [Int] {
        Outliers.find(service.enumerated().map { (recent: $1, isOut: out.contains($0)) }).map(\.place)
    }

    @Test("five failures in a row are enough if siblings answer, four are not")
    func failing() {
        #expect(found(service(3), service(0, thenFailed: 5), service(3)) == [1])
        #expect(found(service(3), service(0, thenFailed: 4), service(3)) == [])
        #expect(found(service(100), service(100, thenFailed: 5)) == [1])
    }

    @Test("an instance that fails more often than not is found even if it answers in between")
    func mostly() {
        var flaky = RecentPerformance()
        for number in 0..<60 { flaky.note(failed: number % 4 != 0, nanoseconds: 1) }
        #expect(flaky.failuresInARow < 5)
        #expect(found(service(20), flaky, service(20)) == [1])
    }

    @Test("if the siblings fail too, or have served nothing, the instance is not an outlier")
    func model() {
        let failing = service(0, thenFailed: 9)
        #expect(found(failing, failing, failing) == [])
        #expect(found(failing, service(0, thenFailed: 2), service(50)) == [])
        #expect(found(failing, RecentPerformance()) == [])
        #expect(found(failing) == [])
    }

    @Test("at least half of the instances stay")
    func half() {
        let failing = service(0, thenFailed: 9)
        #expect(found(failing, service(9), out: [1]) == [])
        #expect(found(failing, service(9), service(9), out: [1]) == [])
        #expect(found(failing, service(9), service(9), service(9), out: [1]) == [0])
    }

    @Test("an instance that takes eight times as long is found, but not if all are fast")
    func slow() {
        let fast = service(20, milliseconds: 40)
        #expect(found(fast, service(40, milliseconds: 400), fast) == [1])
        #expect(found(fast, service(40, milliseconds: 200), fast) == [])
        #expect(found(service(20, milliseconds: 2), service(40, milliseconds: 100)) == [])
        #expect(found(fast, service(8, milliseconds: 4000), fast) == [])
    }
}
