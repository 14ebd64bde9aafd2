import ModelManifests
import NIOCore
import Synchronization

/// Counts of the values observed in one instance's messages. Updated outside the event loop, read on it.
final class ObservedTally: Sendable {
    struct Counts: Hashable, Sendable {
        var buckets: [Int]
        var unseen: [Unseen: Int] = [:]
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
    func read(_ payload: Result<ByteBuffer, Unseen>) {
        do throws(Unseen) {
            let bucket = try bucket(of: payload.get())
            state.withLock { $0.buckets[bucket] += 1 }
        } catch {
            miss(error)
        }
    }

    func miss(_ why: Unseen) { state.withLock { $0.unseen[why, default: 0] += 1 } }

    private func bucket(of payload: ByteBuffer) throws(Unseen) -> Int {
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
