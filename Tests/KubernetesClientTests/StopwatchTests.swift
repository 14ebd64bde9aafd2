import Testing

@testable import KubernetesClient

@Suite("The machine's stopwatch")
struct StopwatchTests {
    private let stopwatch = Stopwatch()

    @Test("a wait lasts at least its duration")
    func waits() async throws {
        let began = stopwatch.elapsed()
        try await stopwatch.sleep(.milliseconds(20))
        #expect(stopwatch.elapsed() - began >= .milliseconds(20))
    }

    @Test("a cancelled task stops waiting, whether cancelled before or during the wait", arguments: [true, false])
    func cancelled(before: Bool) async {
        let waiting = Task { [stopwatch] in
            if before { withUnsafeCurrentTask { $0?.cancel() } }
            try await stopwatch.sleep(.seconds(3600))
        }
        if !before { waiting.cancel() }
        await #expect(throws: CancellationError.self) { try await waiting.value }
    }

    @Test("work that ends in time returns its value, and longer work is cancelled")
    func within() async throws {
        #expect(try await stopwatch.within(.seconds(3600)) { 7 } == 7)
        await #expect(throws: TimedOut.self) {
            try await stopwatch.within(.milliseconds(10)) { [stopwatch] in try await stopwatch.sleep(.seconds(3600)) }
        }
    }
}
