import Dispatch
import Synchronization
import Testing

@testable import TrafficProxy

@Suite struct BodyReaderTests {
    /// Bodies whose reading blocks until the gate opens, so that others must wait.
    private static func gated(_ reader: BodyReader, bytes: [Int]) async throws -> (taken: [Bool], read: [Int]) {
        let left = try await eventually {
            reader.waitingBodies
        } until: {
            $0 == 0
        }
        #expect(left == 0)
        let gate = DispatchSemaphore(value: 0)
        let read = Mutex<[Int]>([])
        let shared = Shared(read: read)
        let taken = bytes.enumerated().map { index, bytes in
            reader.submit(bytes: bytes) {
                if index == 0 { gate.wait() }
                shared.read.withLock { $0.append(index) }
            }
        }
        gate.signal()
        let wanted = taken.count { $0 }
        let seen = try await eventually {
            shared.read.withLock { $0 }
        } until: {
            $0.count == wanted
        }
        return (taken, seen)
    }

    private final class Shared: Sendable {
        let read: Mutex<[Int]>
        init(read: consuming Mutex<[Int]>) { self.read = read }
    }

    @Test("a limited number of bodies wait; they are read in order, and then there is room again")
    func count() async throws {
        let reader = BodyReader(bodiesMax: 3, bytesMax: 1000)
        for _ in 0..<3 {
            let (taken, read) = try await Self.gated(reader, bytes: [1, 1, 1, 1, 1])
            #expect(taken == [true, true, true, false, false])
            #expect(read == [0, 1, 2])
        }
    }

    @Test("room depends on the waiting bytes, not on the size of the new body")
    func bytes() async throws {
        let reader = BodyReader(bodiesMax: 100, bytesMax: 10)
        let (taken, read) = try await Self.gated(reader, bytes: [9, 50, 1, 0])
        #expect(taken == [true, true, false, false])
        #expect(read == [0, 1])
    }
}
