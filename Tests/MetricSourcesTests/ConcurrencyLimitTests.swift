import Synchronization
import Testing

@testable import MetricSources

@Suite("A concurrency limit", .timeLimit(.minutes(1)))
struct ConcurrencyLimitTests {
    private final class Visitors: Sendable {
        let names = Mutex<[String]>([])
    }

    @Test("admits the given number of callers, the next one when one leaves, and none that was cancelled")
    func turns() async throws {
        let limit = ConcurrencyLimit(1)
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let inside = Visitors()
        func enter(_ name: String) -> Task<Void, any Error> {
            Task {
                try await limit.run {
                    inside.names.withLock { $0.append(name) }
                    for await _ in gate { return }
                }
            }
        }
        let first = enter("first")
        while inside.names.withLock({ $0.isEmpty }) { await Task.yield() }
        let second = enter("second")
        second.cancel()
        await #expect(throws: CancellationError.self) { try await second.value }
        let third = enter("third")
        open.yield()
        try await first.value
        open.yield()
        try await third.value
        #expect(inside.names.withLock { $0 } == ["first", "third"])
    }
}
