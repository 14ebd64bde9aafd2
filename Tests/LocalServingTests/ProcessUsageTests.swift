import Foundation
import Glibc
import ModelManifests
import Testing

@testable import LocalServing

@Suite("Resource usage of processes")
struct ProcessUsageTests {
    private let tail =
        " S 7 12 34 0 -1 4194560 1 0 0 0 100 20 3000 400 20 0 1 0 98765 1000 256 18446744073709551615 1 1"

    @Test(
        "a process's line has its CPU time, that of children it waited for, and its memory, whatever its name contains")
    func stat() throws {
        for name in ["python3", "a b", "x) S 1 (y"] {
            let usage = try #require(ProcessUsage(stat: Array("42 (\(name))\(tail)".utf8)))
            #expect(usage.startTime == 98_765 && usage.cpuTicks == 3520 && usage.residentPages == 256)
            #expect(usage.memoryBytes == 256 * sysconf(Int32(_SC_PAGESIZE)))
            #expect(usage.cpuSeconds == 3520 / Double(sysconf(Int32(_SC_CLK_TCK))))
        }
        #expect(ProcessUsage(stat: Array("42 (x) S 7 12".utf8)) == nil)
        #expect(ProcessUsage(stat: []) == nil)
        #expect(ProcessUsage(pid: -1) == nil)
    }

    @Test("a tree's CPU time includes all processes, also ended ones, and never decreases")
    func tree() throws {
        let script = """
            import os, sys, time
            block = bytearray(64 << 20)
            def burn(seconds):
                end = time.process_time() + seconds
                while time.process_time() < end: pass
            child = os.fork()
            if child == 0:
                burn(0.4)
                os._exit(0)
            burn(0.3)
            sys.stdout.write("burnt\\n"); sys.stdout.flush()
            sys.stdin.readline()
            os.waitpid(child, 0)
            sys.stdout.write("waited\\n"); sys.stdout.flush()
            sys.stdin.readline()
            """
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3", "-c", script]
        let (input, output) = (Pipe(), Pipe())
        (process.standardInput, process.standardOutput) = (input, output)
        try process.run()
        defer { process.terminate() }
        func usage() throws -> TreeUsage {
            let server = try #require(ProcessIdentity(running: process.processIdentifier))
            return try #require(TreeUsage(server: server, in: .now(), group: nil))
        }
        _ = output.fileHandleForReading.availableData
        let burnt = try usage()
        #expect(burnt.cpuSeconds >= 0.28 && burnt.memoryBytes > 64 << 20)
        try input.fileHandleForWriting.write(contentsOf: Data("\n".utf8))
        _ = output.fileHandleForReading.availableData
        let waited = try usage()
        #expect(waited.cpuSeconds >= 0.68 && waited.cpuSeconds >= burnt.cpuSeconds, "\(waited)")
        let server = try #require(ProcessIdentity(running: process.processIdentifier))
        let another = ProcessIdentity(pid: server.pid, startTime: server.startTime + 1)
        #expect(TreeUsage(server: another, in: .now(), group: nil) == nil)
    }

    @Test("the CPU time of a cgroup is in microseconds")
    func group() {
        #expect(ControlGroup.cpuSeconds(stat: "usage_usec 1234567\nuser_usec 1000000\n") == 1.234567)
        #expect(ControlGroup.cpuSeconds(stat: "user_usec 1000000\n") == nil)
        #expect(ControlGroup.cpuSeconds("/nowhere") == nil)
        #expect(ControlGroup.path(of: getpid(), instance: "some-other-instance") == nil)
    }

    @Test("servers are measured per instance, and a server that has ended is left out")
    func meter() async throws {
        let own = try #require(ProcessIdentity(running: getpid()))
        func server(_ instance: String, _ process: ProcessIdentity) -> MeasuredServer {
            MeasuredServer(
                instance: instance, revision: Revision(rawValue: "aaaaaaaaaa"), process: process, isReady: true)
        }
        let gone = ProcessIdentity(pid: own.pid, startTime: own.startTime + 1)
        let costs = await ProcessMeter().costs(of: [server("a", own), server("b", gone)])
        #expect(costs.map(\.instance) == ["a"])
        #expect(costs.first.map { $0.cpuSeconds > 0 && $0.memoryBytes > 1 << 20 } == true)
        #expect(await ProcessMeter().costs(of: []).isEmpty)
    }
}
