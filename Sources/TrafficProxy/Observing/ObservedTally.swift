import JSON
import ModelManifests
import NIOCore
import Serving
import Synchronization

/// Counts of the values observed in one instance's messages. Updated outside the event loop, read on it.
final class ObservedTally: Sendable {
    struct Counts: Hashable, Sendable {
        var buckets: [Int]
        var unseen: [MissingValueReason: Int] = [:]
    }

    let observation: PredictionObservation
    private let sorter: BucketSorter
    private let state: Mutex<Counts>

    init(_ observation: PredictionObservation) {
        self.observation = observation
        sorter = BucketSorter(observation.buckets)
        state = Mutex(Counts(buckets: [Int](repeating: 0, count: observation.buckets.count)))
    }

    var counts: Counts { state.withLock { $0 } }

    /// Finds the value in a body and counts it.
    func read(_ payload: Result<ByteBuffer, MissingValueReason>) {
        do throws(MissingValueReason) {
            let bucket = try bucket(of: payload.get())
            state.withLock { $0.buckets[bucket] += 1 }
        } catch {
            miss(error)
        }
    }

    func miss(_ why: MissingValueReason) { state.withLock { $0.unseen[why, default: 0] += 1 } }

    private func bucket(of payload: ByteBuffer) throws(MissingValueReason) -> Int {
        let found: Result<Int?, JSONScanner.Fault> = payload.withUnsafeReadableBytes { bytes in
            Result { () throws(JSONScanner.Fault) in
                guard let range = try JSONScanner.range(of: observation.path, in: bytes) else { return nil }
                return JSONScalar(bytes, range).flatMap(sorter.bucket)
            }
        }
        switch found {
        case .failure: throw .notJSON
        case .success(nil): throw .noValue
        case .success(let bucket?): return bucket
        }
    }
}

/// Counters of one instance apart from its requests. The body reader shares the tallies.
struct InstanceTallies {
    private(set) var observed: [ObservedTally] = []
    private(set) var pairs: PairTally?

    /// Follows new routes: unchanged observations continue, changed ones start from zero.
    mutating func follow(_ observations: [PredictionObservation], isMirrored: Bool) {
        observed = observations.map { tally(of: $0) ?? ObservedTally($0) }
        if isMirrored, pairs == nil { pairs = PairTally() }
    }

    func tally(of observation: PredictionObservation) -> ObservedTally? {
        observed.first { $0.observation == observation }
    }

    func enter(_ counters: inout RequestCounters) {
        for tally in observed { counters.observed[tally.observation.name] = tally.counts.buckets }
        counters.pairs = pairs?.counters
    }
}
