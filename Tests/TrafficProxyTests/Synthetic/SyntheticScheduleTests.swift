import TestSupport
import Testing

@testable import TrafficProxy

@Suite struct SyntheticScheduleTests {
    @Test(
        "over an hour of uneven ticks, the number of due requests follows the rate",
        arguments: [0.1, 0.7, 3, 250, 1000])
    func rate(perSecond: Double) {
        var random = SeededRandom(seed: 9)
        var pace = SyntheticPace(ratePerSecond: perSecond, atOnceMax: 64, nowNanoseconds: 0)
        var (now, sent): (Int64, Int) = (0, 0)
        while now < 3_600_000_000_000 {
            now += pace.tickNanoseconds + Int64.random(in: -1_000_000...1_000_000, using: &random)
            sent += pace.due(nowNanoseconds: now)
        }
        #expect(abs(Double(sent) - Double(now) / 1e9 * perSecond) <= 1.001)
    }

    @Test("requests that a busy loop missed are not made up")
    func late() {
        var pace = SyntheticPace(ratePerSecond: 1000, atOnceMax: 64, nowNanoseconds: 0)
        #expect(pace.due(nowNanoseconds: 60_000_000_000) == 64)
        #expect(pace.due(nowNanoseconds: 60_000_000_000) == 0)
        #expect(pace.due(nowNanoseconds: 60_010_000_000) == 10)
        #expect(pace.due(nowNanoseconds: 0) == 0)
    }

    @Test("the interval of ticks follows the rate, and is at least 10 ms", arguments: [(1000.0, 10), (2, 500)])
    func ticks(perSecond: Double, milliseconds: Int64) {
        let pace = SyntheticPace(ratePerSecond: perSecond, atOnceMax: 64, nowNanoseconds: 0)
        #expect(pace.tickNanoseconds == milliseconds * 1_000_000)
    }

    @Test("every revision gets exactly the same requests, in an unpredictable order")
    func draws() {
        var random = SeededRandom(seed: 4)
        var draw = SyntheticDraw()
        var requests: [[Int]] = [[], [], []]
        var first: Set<Int> = []
        for number in 0..<3000 {
            let next = draw.next(requests: 10, revisions: 3, using: &random)
            requests[next.revision].append(next.request)
            if number.isMultiple(of: 3) { first.insert(next.revision) }
        }
        #expect(requests[0] == requests[1] && requests[1] == requests[2])
        #expect(Set(requests[0]) == Set(0..<10))
        #expect(first == [0, 1, 2])
    }

    @Test("a draw among fewer revisions never names a removed one")
    func restarts() {
        var random = SeededRandom(seed: 4)
        var draw = SyntheticDraw()
        _ = draw.next(requests: 1, revisions: 8, using: &random)
        draw.restart()
        for _ in 0..<10 { #expect(draw.next(requests: 1, revisions: 2, using: &random).revision < 2) }
    }
}
