import ControlPorts
import Foundation
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
            await hook.run(distance: .zero, logger: Logger(label: "test")) { _ in
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

    @Test("a delivery is remembered for the status, by project, without what its sender wrote")
    func remembered() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "hook-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "secret")
        try Data("a-secret-of-the-hook-1".utf8).write(to: file)
        let hook = GitHook(rules: [
            HookRule(project: "risk", repo: "/r", reference: .branch("main"), secretFile: file.path),
            HookRule(project: "open", repo: "/o", reference: .branch("main")),
        ])
        let status = ControllerStatus(
            sources: ["risk", "open"].map { SourceStatus(project: $0, repo: "/r", branch: "main") }, deployments: [])
        func take(_ token: String, _ id: String) -> HookDeliveryStatus? {
            let fields = ["x-gitlab-event": "Push Hook", "x-gitlab-token": token, "x-gitlab-event-uuid": id]
            _ = hook.take(HookDelivery(field: { fields[$0] }, body: Data("{}".utf8)), body: Data("{}".utf8))
            let sources = hook.completed(status).sources
            #expect(sources.last?.delivery == nil)
            return sources.first?.delivery
        }
        let first = take("a-secret-of-the-hook-1", "d1")
        #expect(first?.isAccepted == true && first?.id == "d1" && first?.sender == "GitLab")
        #expect(take("a-secret-of-the-hook-1", "d1")?.outcome.contains("it came again") == true)
        let refused = take("wrong", "hostile")
        #expect(refused?.isAccepted == false && refused?.id == nil && refused?.outcome.contains("refused") == true)
    }

    @Test("checks of several projects are merged, and a call for all takes the place of those for some")
    func projects() async throws {
        let hook = GitHook()
        let looks = Mutex<[String?]>([])
        hook.nudge(["b"])
        hook.nudge(["a", "b"])
        let runner = Task {
            await hook.run(distance: .zero, logger: Logger(label: "test")) { project in
                looks.withLock { $0.append(project) }
                if project == "b" {
                    hook.nudge(["c"])
                    hook.nudge()
                    hook.nudge(["d"])
                }
            }
        }
        try await eventually { looks.withLock { $0.count } == 3 }
        runner.cancel()
        await runner.value
        #expect(looks.withLock { $0 } == ["a", "b", nil])
    }
}
