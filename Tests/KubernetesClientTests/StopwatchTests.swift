import Testing

@testable import KubernetesClient

@Suite("The machine's stopwatch")
struct StopwatchTests {
    private let stopwatch = Stopwatch()

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

    @Test("work that is over in time gives its value, and what takes longer is ended")
    func within() async throws {
        #expect(try await stopwatch.within(.seconds(3600)) { 7 } == 7)
        await #expect(throws: TimedOut.self) {
            try await stopwatch.within(.milliseconds(10)) { [stopwatch] in try await stopwatch.sleep(.seconds(3600)) }
        }
    }
}
