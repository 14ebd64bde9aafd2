import ModelManifests
import Serving

/// Counters of one instance by slice. Bounded by the number of values in the table.
final class SliceTallies {
    private struct Tally {
        var ended = InstanceCounters()
        var together = FailureClumps()

        var report: SliceCounters {
            let slow = together.slow
            let buckets = zip(ended.latency.counts, ended.abandoned.counts).enumerated().compactMap {
                index, counts -> SliceCounters.Bucket? in
                guard counts.0 + counts.1 > 0 else { return nil }
                return SliceCounters.Bucket(
                    index: index, answered: counts.0, abandoned: counts.1, together: index > 0 ? slow[index - 1] : 0)
            }
            return SliceCounters(
                requests: ended.requests, errors: ended.errors, rejected: ended.rejected,
                errorsTogether: together.errors, buckets: buckets)
        }
    }

    let table: SliceTable
    /// Tallies by slot. Slots beyond the end have no requests.
    private var tallies: [Tally] = []

    init(_ table: SliceTable) { self.table = table }

    func count(_ marks: SliceMarks, _ outcome: RequestOutcome, nanoseconds: Int64, endedAt end: Int64) {
        forEach(marks) { tally in
            let bucket = tally.ended.record(outcome, nanoseconds: nanoseconds)
            tally.together.note(isError: outcome.isError, bucket: bucket, at: end)
        }
    }

    func countAbandoned(_ marks: SliceMarks, afterNanoseconds waited: Int64, at now: Int64) {
        forEach(marks) { tally in
            let bucket = tally.ended.recordAbandoned(afterNanoseconds: waited)
            tally.together.note(isError: false, isAnswer: false, bucket: bucket, at: now)
        }
    }

    private func forEach(_ marks: SliceMarks, _ body: (inout Tally) -> Void) {
        for index in 0..<marks.slots.scalarCount where marks.slots[index] >= 0 {
            let slot = Int(marks.slots[index])
            while tallies.count <= slot { tallies.append(Tally()) }
            body(&tallies[slot])
        }
    }

    /// Counters of every value, including values without requests: a gate divides its error budget among all values at once.
    var report: [String: SliceCounters] {
        Dictionary(
            table.labels.enumerated().map { slot, label in
                (label, slot < tallies.count ? tallies[slot].report : SliceCounters())
            }, uniquingKeysWith: { first, _ in first })
    }
}
