import ControlPorts
import Foundation
import Glibc
import Rollouts
import TestSupport
import Testing

@testable import ControlAPI

@Suite("The local socket") struct LocalSocketTests {
    private static func folder(_ name: String = "s") throws -> (String, URL) {
        let folder = FileManager.default.temporaryDirectory.appending(path: "mlctl-\(UUID().uuidString)/\(name)")
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        return (folder.appending(path: "api.sock").path(percentEncoded: false), folder)
    }

    private static func isThere(_ path: String) -> Bool { access(path, F_OK) == 0 }

    @Test(
        "answers its own user without a token, based on the kernel's information, and the user's name is in the audit trail",
        arguments: ["s", String(repeating: "long", count: 40)])
    func ownUser(name: String) async throws {
        let (socket, folder) = try Self.folder(name)
        defer { try? FileManager.default.removeItem(at: folder) }
        let surface = ControlServerTests.surface()
        try await withServer(surface, socket: socket) { url async throws in
            try await eventually { Self.isThere(socket) }
            let asking = try ControlClient(socket: socket, of: url)
            #expect(try await asking.status() == Samples.status)
            _ = try await asking.sync()
            _ = try await asking.act(OperatorCommand(.abort, claimedActor: "eve"), on: Samples.key)
            var about = stat()
            #expect(stat(socket, &about) == 0 && about.st_mode & 0o777 == 0o600)
        }
        let command = surface.read { $0.commands.first }
        #expect(command?.actor == "local:\(UserName.of(geteuid()))" && command?.claimedActor == "eve")
        #expect(!Self.isThere(socket))
    }

    @Test("a caller with a token has that token's rights, on the socket too")
    func token() async throws {
        let (socket, folder) = try Self.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let surface = ControlServerTests.surface()
        try await withServer(surface, socket: socket) { url async throws in
            try await eventually { Self.isThere(socket) }
            let viewer = try ControlClient(socket: socket, of: url, token: Tokens.viewer)
            #expect(try await viewer.status() == Samples.status)
            await #expect(throws: ControlClientError.self) {
                try await viewer.act(OperatorCommand(.abort), on: Samples.key)
            }
            let wrong = try ControlClient(socket: socket, of: url, token: "wrong-token-7c1e9f04b8d25a63")
            await #expect(throws: ControlClientError.self) { try await wrong.status() }
        }
        #expect(surface.read { $0.commands.isEmpty })
    }

    /// Python, run as the user `nobody`.
    private static func asNobody(_ lines: String...) throws -> ChildProcess {
        let text = (["import os, socket, sys", "os.setgroups([])", "os.setgid(65534)", "os.setuid(65534)"] + lines)
            .joined(separator: "\n")
        return try ChildProcess(["python3", "-u", "-c", text])
    }

    @Test(
        "a process of another user gets no answer, even if the folder and the socket are open to it",
        .enabled(if: geteuid() == 0, "only root can be somebody else"))
    func otherUser() async throws {
        let (socket, folder) = try Self.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let surface = ControlServerTests.surface()
        try await withServer(surface, socket: socket) { _ async throws in
            try await eventually { Self.isThere(socket) }
            for path in [folder.deletingLastPathComponent(), folder] {
                chmod(path.path(percentEncoded: false), 0o777)
            }
            chmod(socket, 0o777)
            let stranger = try Self.asNobody(
                "s = socket.socket(socket.AF_UNIX)", "s.settimeout(10)", "s.connect('\(socket)')",
                "try:", "    s.send(b'GET /api/v1/deployments HTTP/1.1\\r\\nhost: a\\r\\n\\r\\n')",
                "    print(len(s.recv(100)))", "except OSError:", "    print(0)")
            #expect(try stranger.readLine() == "0")
        }
    }

    @Test(
        "nothing is sent to a socket of another user",
        .enabled(if: geteuid() == 0, "only root can be somebody else"))
    func othersSocket() async throws {
        let (socket, folder) = try Self.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        for path in [folder.deletingLastPathComponent(), folder] { chmod(path.path(percentEncoded: false), 0o777) }
        let rogue = try Self.asNobody(
            "s = socket.socket(socket.AF_UNIX)", "s.bind('\(socket)')", "s.listen()", "print('up')",
            "c, _ = s.accept()", "c.settimeout(10)", "print(len(c.recv(1000)))")
        #expect(try rogue.readLine() == "up")
        let url = try #require(URL(string: "http://127.0.0.1:1"))
        let error = await #expect(throws: ControlClientError.self) {
            try await ControlClient(socket: socket, of: url).status()
        }
        #expect(error?.description.contains("belongs to another user") == true, "\(error?.description ?? "")")
        #expect(try rogue.readLine() == "0")
    }

    @Test("answers while another process has the API's port, and the API takes the port when it is free")
    func takenPort() async throws {
        let (socket, folder) = try Self.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let surface = ControlServerTests.surface()
        let address = try ListenAddress(port: 0).withFreePort()
        let url = try #require(URL(string: "http://\(address)"))
        let held = AsyncStream.makeStream(of: Void.self)
        let release = AsyncStream.makeStream(of: Void.self)
        async let rogue: Bool = RogueListener.run(port: address.port) { rogue in
            held.continuation.yield()
            _ = await release.stream.first { _ in true }
            return rogue.received.isEmpty
        }
        _ = await held.stream.first { _ in true }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await withServer(surface, port: address.port, socket: socket) { _ in }
            }
            try await eventually { Self.isThere(socket) }
            #expect(try await ControlClient(socket: socket, of: url).status() == Samples.status)
            release.continuation.yield()
            // Ends when the API has its address.
            try await group.waitForAll()
        }
        #expect(try await rogue)
    }

    @Test("a port of the probes that is taken delays nothing, and is used when it is free")
    func takenProbes() async throws {
        let (socket, folder) = try Self.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let surface = ControlServerTests.surface()
        let probes = try ListenAddress(port: 0).withFreePort()
        let own = try #require(URL(string: "http://\(probes)"))
        try await RogueListener.run(port: probes.port) { rogue in
            try await withServer(surface, socket: socket, probes: probes) { url async throws in
                #expect(try await client(url).status() == Samples.status)
                await rogue.leave()
                for _ in 0..<100 where (try? await ControlServerTests.ask(own, "/leadz").body) != "leads\n" {
                    try await Task.sleep(for: .milliseconds(50))
                }
                #expect(try await ControlServerTests.ask(own, "/leadz").body == "leads\n")
            }
        }
    }

    @Test("another controller on the port ends the server")
    func otherController() async throws {
        let (socket, folder) = try Self.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        try await withServer(ControlServerTests.surface()) { url async throws in
            let port = try #require(url.port)
            let error = await #expect(throws: ListenError.self) {
                try await withServer(
                    ControlServerTests.surface(), port: port, socket: socket,
                    whoHolds: { _ in .init(words: "another controller", isController: true) }
                ) { _ in }
            }
            #expect(error?.description.contains("by another controller") == true)
        }
    }
}
