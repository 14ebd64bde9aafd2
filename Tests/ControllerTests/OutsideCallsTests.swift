import ModelManifests
import Synchronization
import Testing

@testable import Controller

@Suite("Waiting for other components")
struct OutsideCallsTests {
    private struct Failed: Error {}

    @Test("the first result counts, whether it comes before the wait or during it")
    func first() async throws {
        let before = FirstResult<Int>()
        let isFirst = [before.bring(.success(1)), before.bring(.success(2))]
        #expect(isFirst == [true, false])
        #expect(try await before.value() == 1)
        let during = FirstResult<Int>()
        let waiting = Task { try await during.value() }
        during.bring(.failure(Failed()))
        #expect(!during.bring(.success(3)))
        await #expect(throws: Failed.self) { try await waiting.value }
    }

    @Test(
        "time-outs that pass are acted on, those that are lifted are not, and none is left over",
        .timeLimit(.minutes(1)))
    func limits() async throws {
        let limits = TimeLimits()
        let passed = Mutex<[String]>([])
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await limits.run() }
            let end = FirstResult<Void>()
            let lifted = limits.set(after: .milliseconds(1)) { passed.withLock { $0.append("lifted") } }
            limits.lift(lifted)
            _ = limits.set(after: .seconds(3600)) { passed.withLock { $0.append("later") } }
            _ = limits.set(after: .milliseconds(10)) {
                passed.withLock { $0.append("passed") }
                end.bring(.success(()))
            }
            try await end.value()
            // When there was nothing to wait for, it starts to wait again.
            let again = FirstResult<Void>()
            _ = limits.set(after: .milliseconds(1)) { again.bring(.success(())) }
            try await again.value()
            group.cancelAll()
        }
        #expect(passed.withLock { $0 } == ["passed"])
    }

    @Test("awaited passes end one by one, or the wait for all of them is given up")
    func awaited() async {
        let keys = Set(["a", "b"].map { DeploymentKey(name: $0) })
        let all = PassesAwaited(keys)
        for key in keys { all.ended(key) }
        #expect(await all.left() == 0)
        let some = PassesAwaited(keys)
        some.ended(DeploymentKey(name: "a"))
        some.giveUp()
        #expect(await some.left() == 1)
        #expect(await PassesAwaited([]).left() == 0)
    }
}
