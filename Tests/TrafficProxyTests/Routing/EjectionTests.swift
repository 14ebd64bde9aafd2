import Testing

@testable import TrafficProxy

@Suite struct EjectionTests {
    private let second: Int64 = 1_000_000_000

    @Test("the time doubles with each consecutive failure up to its limit, and a success ends it")
    func growth() {
        var ejection = Ejection(min: .seconds(1), max: .seconds(5))
        var now: Int64 = 0
        for time in [1, 2, 4, 5, 5] as [Int64] {
            ejection.failed(nowNanoseconds: now)
            #expect(ejection.isEjected(nowNanoseconds: now + time * second - 1))
            #expect(!ejection.isEjected(nowNanoseconds: now + time * second))
            now += time * second
        }
        ejection.failed(nowNanoseconds: now)
        ejection.succeeded()
        #expect(!ejection.isEjected(nowNanoseconds: now))
        ejection.failed(nowNanoseconds: now)
        #expect(!ejection.isEjected(nowNanoseconds: now + second))
    }

    @Test("failures that come together count as one")
    func together() {
        var ejection = Ejection(min: .seconds(1), max: .seconds(30))
        for _ in 0..<10 { ejection.failed(nowNanoseconds: 5) }
        #expect(ejection.failuresInARow == 1)
        #expect(!ejection.isEjected(nowNanoseconds: 5 + second))
    }
}
