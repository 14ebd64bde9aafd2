import Synchronization
import Testing

@testable import Transport

@Suite("A single flight", .timeLimit(.minutes(10)))
struct FlightTests {
    private struct Failed: Error {}

    private final class Told: Sendable {
        let words = Mutex<[String]>([])
    }

    @Test("all who join get what it brings, progress included, and one who goes leaves it to the others")
    func shared() async throws {
        let end = FirstResult<Int>()
        let told = Told()
        let flight = SingleFlight<Int, String> { flight in
            let value = try await end.value()
            flight.report("half")
            return value
        }
        let waiting = (0..<3).map { number in
            let isIn = flight.join()
            #expect(isIn)
            return Task {
                try await flight.value { said in told.words.withLock { $0.append("\(number) \(said)") } }
            }
        }
        waiting[0].cancel()
        await #expect(throws: CancellationError.self) { try await waiting[0].value }
        while told.words.withLock({ $0.isEmpty }) {
            end.bring(.success(5))
            await Task.yield()
        }
        #expect(try await waiting[1].value == 5)
        #expect(try await waiting[2].value == 5)
        // Who joins when it has ended gets the same.
        #expect(flight.join())
        #expect(try await flight.value() == 5)
    }

    @Test("its error is everybody's")
    func failing() async throws {
        let flight = SingleFlight<Int, Never> { _ in throw Failed() }
        #expect(flight.join() && flight.join())
        await #expect(throws: Failed.self) { try await flight.value() }
        await #expect(throws: Failed.self) { try await flight.value() }
    }

    @Test("when the last has gone it is cancelled, nobody can join it, and the next begins after its end")
    func abandoned() async throws {
        let end = FirstResult<Void>()
        let isOver = Mutex(false)
        let first = SingleFlight<Int, Never> { _ in
            await withTaskCancellationHandler {
                try? await end.value()
            } onCancel: {
                end.bring(.success(()))
            }
            isOver.withLock { $0 = true }
            return 1
        }
        let isIn = first.join()
        let waiting = Task { try await first.value() }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        let isInAgain = first.join()
        #expect(isIn && !isInAgain)
        let next = SingleFlight<Bool, Never>(after: nil) { _ in isOver.withLock { $0 } }
        _ = next.join()
        _ = try await next.value()
        let second = SingleFlight<Int, Never>(after: first) { _ in isOver.withLock { $0 } ? 2 : 0 }
        #expect(second.join())
        #expect(try await second.value() == 2)
    }
}
