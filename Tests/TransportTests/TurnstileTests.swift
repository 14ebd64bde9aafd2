import Synchronization
import Testing

@testable import Transport

@Suite("A turnstile", .timeLimit(.minutes(10)))
struct TurnstileTests {
    private final class Visitors: Sendable {
        let names = Mutex<[String]>([])
    }

    @Test("lets so many in, the next when one leaves, and nobody for who gave up")
    func turns() async throws {
        let limit = Turnstile(1)
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

    @Test("a key that has no room holds up no other, and who waits for it comes when one of its own leaves")
    func keys() async throws {
        let turnstile = Turnstile(3, each: 1)
        try await turnstile.enter("a")
        let second = Task { try await turnstile.enter("a") }
        try await turnstile.enter("b")
        turnstile.leave("b")
        turnstile.leave("a")
        try await second.value
        // It is inside now: another of its key has to wait, and goes when it is cancelled.
        let third = Task { try await turnstile.enter("a") }
        third.cancel()
        await #expect(throws: CancellationError.self) { try await third.value }
        turnstile.leave("a")
        try await turnstile.enter("a")
    }

    @Test("who comes when as many wait as may is told so")
    func crowded() async throws {
        let turnstile = Turnstile(1, waitingMax: 0)
        try await turnstile.enter()
        await #expect(throws: Turnstile.Crowded.self) { try await turnstile.enter() }
        turnstile.leave()
        try await turnstile.enter()
    }
}
