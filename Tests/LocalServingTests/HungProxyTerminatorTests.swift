import Glibc
import Testing

@testable import LocalServing

@Suite("A hung proxy and a slow proxy")
struct HungProxyTests {
    private func activity(_ second: Int, turns: UInt64 = 0, milliseconds: UInt64 = 0) -> ThreadActivity {
        ThreadActivity(
            at: .seconds(second),
            threads: ["1": .init(wantedNanoseconds: milliseconds * 1_000_000, turns: turns), "2": .init()])
    }

    @Test("a proxy that is silent and runs no thread for the whole time is hung")
    func hangs() {
        var watch = HangDetector()
        for second in 0..<10 { #expect(watch.noteSilence(activity(second)) == false) }
        #expect(watch.noteSilence(activity(10)) == true)
    }

    @Test("an answer, work of any thread, or unknown activity starts the time again")
    func anew() {
        var watch = HangDetector()
        for second in 0..<10 { #expect(watch.noteSilence(activity(second)) == false) }
        watch.noteAnswer()
        for second in 10..<20 { #expect(watch.noteSilence(activity(second)) == false) }
        #expect(watch.noteSilence(activity(20, turns: 10)) == false)
        for second in 21..<30 { #expect(watch.noteSilence(activity(second, turns: 10)) == false) }
        #expect(watch.noteSilence(nil) == false)
        for second in 30..<40 { #expect(watch.noteSilence(activity(second)) == false) }
        #expect(watch.noteSilence(activity(40)) == true)
    }

    @Test("a machine that slept does not make a proxy look hung")
    func asleep() {
        var watch = HangDetector()
        #expect(watch.noteSilence(activity(0)) == false)
        #expect(watch.noteSilence(activity(10_000)) == false)
        #expect(watch.noteSilence(activity(10_001)) == false)
    }

    @Test("ten checks per second, a twentieth of a core, or waiting for a core are work; a few wake-ups are not")
    func work() {
        let before = activity(0)
        #expect(activity(2, turns: 20).showsWork(since: before))
        #expect(activity(2, milliseconds: 100).showsWork(since: before))
        #expect(!activity(2, turns: 6, milliseconds: 50).showsWork(since: before))
    }

    @Test("the kernel tells a running process from a stopped one")
    func kernel() async throws {
        let own = try #require(ThreadActivity(of: getpid(), at: .zero))
        #expect(!own.threads.isEmpty)
        let pid = try DetachedProcess.spawn(
            program: "/bin/sh", arguments: ["sh", "-c", "while :; do sleep 0.02; done"],
            environment: ["PATH=/usr/bin:/bin"],
            workingFolder: "/", output: .appending("/dev/null"))
        let child = ChildProcess(pid: pid)
        defer {
            kill(-pid, SIGKILL)
            _ = child.isRunning
        }
        func showsWork() async throws -> Bool {
            let clock = ContinuousClock()
            let begin = clock.now
            let before = try #require(ThreadActivity(of: pid, at: .zero))
            try await Task.sleep(for: .seconds(1))
            return try #require(ThreadActivity(of: pid, at: clock.now - begin)).showsWork(since: before)
        }
        #expect(try await showsWork())
        kill(-pid, SIGSTOP)
        #expect(try await !showsWork())
    }
}
