import TestSupport
import Testing

@testable import Transport

@Suite("Back-off")
struct BackoffTests {
    @Test("doubles from the first wait up to the cap, and stays there")
    func doubles() {
        let backoff = Backoff(initial: .seconds(1), cap: .seconds(10), jitter: 0)
        var random = SeededRandom(seed: 1)
        let waits = [1, 2, 3, 4, 5, 6, 1_000, .max].map { backoff.delay(afterFailures: $0, using: &random) }
        #expect(waits == [1, 2, 4, 8, 10, 10, 10, 10].map { .seconds($0) })
    }

    @Test("is randomised over the jitter's share of the wait, and never exceeds the cap")
    func jitter() {
        let backoff = Backoff(initial: .seconds(8), cap: .seconds(10), jitter: 0.25)
        var random = SeededRandom(seed: 7)
        let first = (0..<1_000).map { _ in backoff.delay(afterFailures: 1, using: &random) }
        #expect(first.allSatisfy { $0 >= .seconds(6) && $0 <= .seconds(8) })
        #expect(first.min()! < .milliseconds(6_050))
        #expect(first.max()! > .milliseconds(7_950))
        let capped = (0..<1_000).map { _ in backoff.delay(afterFailures: 9, using: &random) }
        #expect(capped.allSatisfy { $0 >= .milliseconds(7_500) && $0 <= .seconds(10) })
    }

    @Test("is the same for the same seed")
    func reproducible() {
        let backoff = Backoff(initial: .seconds(1), cap: .seconds(60))
        var (left, right) = (SeededRandom(seed: 3), SeededRandom(seed: 3))
        for failures in 1...20 {
            #expect(
                backoff.delay(afterFailures: failures, using: &left)
                    == backoff.delay(afterFailures: failures, using: &right))
        }
    }

    @Test("replaces invalid values by the nearest valid ones")
    func clamps() {
        let backoff = Backoff(initial: .zero, cap: .seconds(-1), factor: 0, jitter: 7)
        #expect(backoff.initial == .milliseconds(1))
        #expect(backoff.cap == .milliseconds(1))
        var random = SeededRandom(seed: 5)
        #expect(backoff.delay(afterFailures: 0, using: &random) <= .milliseconds(1))
        #expect(backoff.delay(afterFailures: .max, using: &random) >= .zero)
    }
}
