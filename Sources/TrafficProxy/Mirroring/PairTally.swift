import ModelManifests
import Serving
import Synchronization

/// Counters of the copies that one instance received. Updated on the event loop and outside it.
final class PairTally: Sendable {
    struct Counts: Hashable, Sendable {
        var pairs = PairCounters()
        /// Pairs that could not be compared.
        var unseen: [MissingValueReason: Int] = [:]
    }

    private let state = Mutex(Counts())

    /// For `/metrics`, which shows each kind of loss separately.
    var counts: Counts { state.withLock { $0 } }

    /// For gates: every pair that was not compared counts as dropped, whatever the reason.
    var counters: PairCounters {
        state.withLock { counts in
            var pairs = counts.pairs
            pairs.dropped += counts.unseen.values.reduce(0, +)
            pairs.tooLarge += counts.unseen[.tooLarge] ?? 0
            return pairs
        }
    }

    /// Counts a request that was not copied.
    func dropped(isTooLarge: Bool = false) {
        state.withLock { counts in
            counts.pairs.dropped += 1
            if isTooLarge { counts.pairs.tooLarge += 1 }
        }
    }

    /// Counts a pair that cannot be compared.
    func miss(_ why: MissingValueReason) { state.withLock { $0.unseen[why, default: 0] += 1 } }

    func compare(user: PairedAnswer, shadow: PairedAnswer, by comparison: ShadowComparison) {
        do throws(MissingValueReason) {
            let outcome = try AnswerComparison.compare(user: user, shadow: shadow, by: comparison)
            state.withLock { counts in
                counts.pairs.pairs += 1
                counts.pairs.disagreements += outcome.agrees ? 0 : 1
                counts.pairs.distance += outcome.distance
            }
        } catch {
            miss(error)
        }
    }
}
