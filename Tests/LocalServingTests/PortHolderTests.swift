import Foundation
import Glibc
import TestSupport
import Testing

@testable import LocalServing

@Suite("The process that holds a port") struct PortHolderTests {
    /// A program that listens on a free port and prints it.
    private func listener(_ arguments: String...) throws -> (TestSupport.ChildProcess, Int) {
        let text = """
            import socket, sys
            s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); print(s.getsockname()[1]); sys.stdin.read()
            """
        let child = try TestSupport.ChildProcess(["python3", "-u", "-c", text] + arguments)
        return (child, try #require(try child.readLine().flatMap { Int($0) }))
    }

    @Test("it is named by its process and its program, with advice")
    func process() throws {
        let (child, port) = try listener()
        let holder = try #require(PortHolder.of(port: port))
        #expect(holder.pid == child.pid && holder.instance == nil && !holder.isController)
        #expect(holder.words.contains("process \(child.pid) (") && holder.words.contains("python3)"))
        child.stop()
        #expect(PortHolder.of(port: port) == nil)
    }

    @Test(
        "a controller, mlctl's proxy and a model server are recognized",
        arguments: [
            (["/usr/local/bin/mlctl", "run", "--repo", "."], nil, "another controller", true),
            (["mlctl", "proxy", "--state-dir", "/s"], nil, "as its endpoint", false),
            (["/srv/mlctl-server", "run"], nil, "end it", false), (["python3"], "m-1", "instance m-1", false),
            ([], nil, "unknown", false),
        ] as [([String], String?, String, Bool)])
    func kinds(arguments: [String], instance: String?, words: String, isController: Bool) {
        let holder = PortHolder(pid: 7, arguments: arguments, instance: instance)
        #expect(holder.words.contains(words) && holder.isController == isController)
    }
}
