import ControlPorts
import ModelManifests
import Synchronization
import Testing
import Transport

@testable import Controller

@Suite("Waiting for other components")
struct OutsideCallsTests {
    @Test(
        "time-outs that pass are acted on, those that are lifted are not, and none is left over",
        .timeLimit(.minutes(10)))
    func limits() async throws {
        let limits = Timeouts()
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
        let all = PassWaitGroup(keys)
        for key in keys { all.ended(key) }
        #expect(await all.left() == 0)
        let some = PassWaitGroup(keys)
        some.ended(DeploymentKey(name: "a"))
        some.giveUp()
        #expect(await some.left() == 1)
        #expect(await PassWaitGroup([]).left() == 0)
    }
}
