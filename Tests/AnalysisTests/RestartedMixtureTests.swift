import Foundation
import Testing

@testable import Analysis

@Suite("A mixture that starts again")
struct StartedMixtureTests {
    @Test("stakes no more than it has over any number of starts, and loses nothing by starting")
    func conserves() {
        var mixture = RestartedMixture(.increases)
        for _ in 0..<20_000 { mixture.start(.increases) }
        #expect(mixture.reserve > 0)
        // Each start may lose a rounding difference of a ten-millionth.
        #expect(mixture.logValue <= 1e-7 && mixture.logValue > -2.1e-3)
        #expect((1...1_000_000).reduce(0) { $0 + ConvergentShares.share($1) } < 1)
    }

    @Test("forgets what was lost before a start, and keeps what was won")
    func starts() {
        var fresh = RestartedMixture(.increases)
        var old = fresh
        let count = AlternativeGrid.increases.alternatives.count
        old.absorb(Array(repeating: -1_000, count: count))
        let lost = old.logValue
        old.start(.increases)
        for mixture in 0..<2 {
            let won = Array(repeating: 20.0, count: count)
            if mixture == 0 { fresh.absorb(won) } else { old.absorb(won) }
        }
        #expect(abs(lost - log(RestartedMixture.later)) < 1e-9)
        // It has the stake of its second start.
        let stake = RestartedMixture.later * ConvergentShares.share(1)
        #expect(abs(old.logValue - log(stake * exp(20) + RestartedMixture.later - stake)) < 1e-6)
        #expect(fresh.logValue > old.logValue)
    }

    @Test("continues with the evidence of an older version, at no more than its value")
    func older() throws {
        let logs = (0..<9).map { Double($0) - 3 }
        let text = "{\"logs\":[\(logs.map { "\($0)" }.joined(separator: ","))]}"
        let read = try JSONDecoder().decode(RestartedMixture.self, from: Data(text.utf8))
        // In equal parts.
        let worth = logs.reduce(0) { $0 + exp($1) / 9 }
        #expect(abs(read.logValue - log((1 - RestartedMixture.later) * worth + RestartedMixture.later)) < 1e-5)
        let again = try JSONDecoder().decode(RestartedMixture.self, from: JSONEncoder().encode(read))
        #expect(again == read)
    }
}
