import ModelManifests
import Serving
import Synchronization

/// What came of the copies that one instance was sent: counted on the event loop and beside it.
final class PairTally: Sendable {
    struct Counts: Hashable, Sendable {
        var pairs = PairCounters()
        /// Pairs that could not be compared.
        var unseen: [Unseen: Int] = [:]
    }

    private let state = Mutex(Counts())

    /// For `/metrics`, where each kind of loss is told apart.
    var counts: Counts { state.withLock { $0 } }

    /// For gates: whatever was not compared, for whichever reason, was dropped.
    var counters: PairCounters {
        state.withLock { counts in
            var pairs = counts.pairs
            pairs.dropped += counts.unseen.values.reduce(0, +)
            pairs.tooLarge += counts.unseen[.tooLarge] ?? 0
            return pairs
        }
    }

    /// A request was not copied.
    func dropped(isTooLarge: Bool = false) {
        state.withLock { counts in
            counts.pairs.dropped += 1
            if isTooLarge { counts.pairs.tooLarge += 1 }
        }
    }

    /// A pair cannot be compared.
    func miss(_ why: Unseen) { state.withLock { $0.unseen[why, default: 0] += 1 } }

    func compare(user: PairedAnswer, shadow: PairedAnswer, by comparison: ShadowComparison) {
        do throws(Unseen) {
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
