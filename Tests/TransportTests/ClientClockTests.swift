import TestSupport
import Testing

@testable import Transport

@Suite("The machine's stopwatch")
struct ClientClockTests {
    private let stopwatch = ClientClock()

    @Test("a wait is as long as it says, at least")
    func waits() async throws {
        let began = stopwatch.elapsed()
        try await stopwatch.sleep(.milliseconds(20))
        #expect(stopwatch.elapsed() - began >= .milliseconds(20))
    }

    @Test("who is cancelled waits no longer, whether before or while waiting", arguments: [true, false])
    func cancelled(before: Bool) async {
        let waiting = Task { [stopwatch] in
            if before { withUnsafeCurrentTask { $0?.cancel() } }
            try await stopwatch.sleep(.seconds(3600))
        }
        if !before { waiting.cancel() }
        await #expect(throws: CancellationError.self) { try await waiting.value }
    }
}

@Suite("A time limit", .timeLimit(.minutes(10)))
struct TimeLimitTests {
    private struct Failed: Error {}

    /// Work that does not heed its cancellation: it ends when it is told to.
    private final class Stubborn: Sendable {
        let end = FirstResult<Int>()
        let begun = FirstResult<Void>()
        let sawCancellation = FirstResult<Void>()

        func work() async throws -> Int {
            begun.bring(.success(()))
            return try await withTaskCancellationHandler {
                try await end.value()
            } onCancel: {
                sawCancellation.bring(.success(()))
            }
        }
    }

    private func untilNoneIsLeft(_ stopwatch: ClientClock) async {
        while stopwatch.leftBehind.count != 0 { await Task.yield() }
    }

    @Test("work that is over in time gives its value or its error, and what heeds its cancellation is ended")
    func inTime() async throws {
        let stopwatch = ClientClock()
        #expect(try await stopwatch.within(.seconds(3600)) { 7 } == 7)
        await #expect(throws: Failed.self) { try await stopwatch.within(.seconds(3600)) { throw Failed() } }
        await #expect(throws: DeadlineExceeded(limit: .milliseconds(10))) {
            try await stopwatch.within(.milliseconds(10)) { try await stopwatch.sleep(.seconds(3600)) }
        }
        await untilNoneIsLeft(stopwatch)
    }

    @Test("the caller goes on at the limit though the work does not end; the work is told, and counted until it ends")
    func stubborn() async throws {
        let clock = ManualClock()
        let stopwatch = ClientClock(clock)
        let stubborn = Stubborn()
        let call = Task { try await stopwatch.within(.seconds(3)) { try await stubborn.work() } }
        try await stubborn.begun.value()
        await clock.waitForSleepers(1)
        clock.advance(by: .seconds(3))
        await #expect(throws: DeadlineExceeded(limit: .seconds(3))) { try await call.value }
        try await stubborn.sawCancellation.value()
        #expect(stopwatch.leftBehind.count == 1)
        stubborn.end.bring(.success(1))
        await untilNoneIsLeft(stopwatch)
    }

    @Test("a cancelled caller goes on at once")
    func cancelledCaller() async throws {
        let stopwatch = ClientClock()
        let stubborn = Stubborn()
        let call = Task { try await stopwatch.within(.seconds(3600)) { try await stubborn.work() } }
        try await stubborn.begun.value()
        call.cancel()
        await #expect(throws: CancellationError.self) { try await call.value }
        #expect(stopwatch.leftBehind.count == 1)
        stubborn.end.bring(.success(1))
        await untilNoneIsLeft(stopwatch)
    }

    @Test("while too much work is left behind no other begins, and then it does again")
    func crowded() async throws {
        let stopwatch = ClientClock(leftBehindMax: 1)
        let stubborn = Stubborn()
        await #expect(throws: DeadlineExceeded.self) {
            try await stopwatch.within(.milliseconds(1)) { try await stubborn.work() }
        }
        let refusal = await #expect(throws: LeftBehind.TooMany.self) {
            try await stopwatch.within(.seconds(3600)) { Issue.record("it began") }
        }
        #expect(refusal?.retryClass == .transient && refusal?.message.hasPrefix("1 earlier calls") == true)
        stubborn.end.bring(.success(1))
        await untilNoneIsLeft(stopwatch)
        #expect(try await stopwatch.within(.seconds(3600)) { 7 } == 7)
    }

    @Test("with a grace the caller waits for work that is being ended, and what it gives then is too late")
    func grace() async throws {
        let clock = ManualClock()
        let stopwatch = ClientClock(clock)
        let stubborn = Stubborn()
        let call = Task {
            try await stopwatch.within(.seconds(3), grace: .seconds(2)) { try await stubborn.work() }
        }
        await clock.waitForSleepers(1)
        clock.advance(by: .seconds(3))
        try await stubborn.sawCancellation.value()
        stubborn.end.bring(.success(1))
        await #expect(throws: DeadlineExceeded(limit: .seconds(3))) { try await call.value }
        #expect(stopwatch.leftBehind.count == 0)

        let other = Stubborn()
        let left = Task { try await stopwatch.within(.seconds(3), grace: .seconds(2)) { try await other.work() } }
        await clock.waitForSleepers(1)
        clock.advance(by: .seconds(3))
        try await other.sawCancellation.value()
        await clock.waitForSleepers(1)
        clock.advance(by: .seconds(2))
        await #expect(throws: DeadlineExceeded(limit: .seconds(3))) { try await left.value }
        #expect(stopwatch.leftBehind.count == 1)
        other.end.bring(.success(1))
        await untilNoneIsLeft(stopwatch)
    }
}
