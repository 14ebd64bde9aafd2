import Logging
import Synchronization
import Testing

@testable import ControlAPI

@Suite struct GitHookTests {
    @Test("nudges that arrive during a check cause one more check")
    func merges() async throws {
        let hook = GitHook()
        let looks = Mutex(0)
        let (finished, gate) = AsyncStream.makeStream(of: Void.self)
        let runner = Task {
            await hook.run(distance: .zero, logger: Logger(label: "test")) {
                let count = looks.withLock { count in
                    count += 1
                    return count
                }
                if count == 1 {
                    for _ in 0..<100 { hook.nudge() }
                } else {
                    gate.finish()
                }
            }
        }
        hook.nudge()
        for await _ in finished {}
        runner.cancel()
        await runner.value
        #expect(looks.withLock { $0 } == 2)
    }
}
