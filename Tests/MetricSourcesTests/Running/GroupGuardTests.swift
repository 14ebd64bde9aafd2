import Glibc
import TestSupport
import Testing

@testable import MetricSources

@Suite("A command's guard", .timeLimit(.minutes(10)))
struct GroupGuardTests {
    /// A session leader and its child, with their pids.
    private final class Session {
        let process: ChildProcess
        let pids: [String]

        init(_ script: String = "") throws {
            process = try ChildProcess(["setsid", "sh", "-c", "\(script) sleep 1000 & echo $! $$; wait; wait"])
            pids = (try process.readLine() ?? "").split(separator: " ").map(String.init)
            guard pids.count == 2, pids[1] == "\(process.pid)" else { throw NotStarted() }
        }

        deinit { kill(-process.pid, SIGKILL) }
    }

    @Test("ends the whole group when its owner is killed")
    func owner() async throws {
        let owner = try ChildProcess(["sleep", "1000"])
        let session = try Session()
        let guardian = try #require(GroupGuard(of: session.process.pid, grace: .seconds(5), owner: owner.pid))
        #expect(session.pids.allSatisfy(isRunning))
        owner.stop()
        #expect(try await haveEnded(session.pids))
        guardian.end()
    }

    @Test("kills what ignores SIGTERM after the grace period")
    func stubborn() async throws {
        let owner = try ChildProcess(["sleep", "1000"])
        let session = try Session("trap '' TERM;")
        let guardian = try #require(GroupGuard(of: session.process.pid, grace: .milliseconds(100), owner: owner.pid))
        owner.stop()
        #expect(try await haveEnded(session.pids))
        guardian.end()
    }

    @Test("that was ended does nothing any more")
    func ended() async throws {
        let owner = try ChildProcess(["sleep", "1000"])
        let session = try Session()
        try #require(GroupGuard(of: session.process.pid, grace: .zero, owner: owner.pid)).end()
        owner.stop()
        #expect(try await haveEnded(["\(owner.pid)"]))
        #expect(session.pids.allSatisfy(isRunning))
    }

    @Test("cannot be made for an owner that is gone")
    func noOwner() throws {
        let owner = try ChildProcess(["true"])
        try owner.wait()
        #expect(GroupGuard(of: owner.pid, grace: .zero, owner: owner.pid) == nil)
    }
}
