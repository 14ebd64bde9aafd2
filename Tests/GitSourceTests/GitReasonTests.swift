import Foundation
import TestSupport
import Testing

@testable import GitSource

/// The reasons for failures, from real servers: git http-backend over TLS, and OpenSSH.
struct GitReasonTests {
    let fixture: GitFixture

    init() throws { fixture = try GitFixture() }

    private func error(
        _ url: String, credentials: GitCredentialSource? = nil, environment: [String: String]
    ) async throws -> GitError {
        let repository = try fixture.repository(
            url: url, at: GitReference("main"), credentials: credentials,
            environment: environment.merging(["no_proxy": "*", "HOME": fixture.folder.path]) { $1 })
        return try #require(try await gitError { _ = try await repository.fetch() })
    }

    @Test("a web server's refusals each have their own reason and advice", .enabled(if: GitServer.isPossible))
    func web() async throws {
        try fixture.commit(["a.yaml": "1"])
        let root = try fixture.publish()
        try GitFixture.run(["git", "init", "--quiet", "--bare", root.appending(path: "empty.git").path])
        let server = try GitServer(in: fixture.folder, repositories: root, logins: ["bot:hush"])
        defer { server.stop() }
        let trusted = ["GIT_SSL_CAINFO": server.certificate]
        let file = fixture.folder.appending(path: "credentials")
        try "bot:old".write(to: file, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)

        let missing = try await error("\(server.address)/repo.git", environment: trusted)
        #expect(missing.code == .unauthorized && missing.message.contains("none are given"))
        let wrong = try await error("\(server.address)/repo.git", credentials: .file(file.path), environment: trusted)
        #expect(wrong.code == .unauthorized && wrong.message.contains("does not accept the credentials (401)"))
        let forbidden = try await error("\(server.address)/status/403/repo.git", environment: trusted)
        #expect(forbidden.code == .unauthorized && forbidden.message.contains("(403)"))
        let absent = try await error("\(server.address)/open/absent.git", environment: trusted)
        #expect(absent.code == .repositoryNotFound && absent.message.contains("(404)"))
        let down = try await error("\(server.address)/status/503/repo.git", environment: trusted)
        #expect(down.code == .unreachable)
        let unknown = try await error("\(server.address)/open/repo.git", environment: [:])
        #expect(unknown.code == .untrusted && unknown.message.contains("GIT_SSL_CAINFO"))
        let page = try await error("\(server.address)/login/repo.git", environment: trusted)
        #expect(page.code == .repositoryNotFound && page.message.contains("login page"))
        let empty = try await error("\(server.address)/open/empty.git", environment: trusted)
        #expect(empty.code == .repositoryEmpty && empty.message.contains("no branches"))
    }

    @Test("an ssh server's refusals each have their own reason and advice", .enabled(if: ShellServer.isPossible))
    func shell() async throws {
        let commit = try fixture.commit(["a.yaml": "1"])
        let server = try ShellServer(in: fixture.folder)
        defer { server.stop() }
        let environment = ["GIT_SSH_COMMAND": server.command]
        let url = "ssh://root@127.0.0.1\(fixture.source.path)"
        let repository = try fixture.repository(url: url, environment: environment)
        #expect(try await repository.fetch().commit == commit)

        let absent = try await error("ssh://root@127.0.0.1\(fixture.source.path)-absent", environment: environment)
        #expect(absent.code == .repositoryNotFound)
        try server.changeHostKey()
        let changed = try await error(url, environment: environment)
        #expect(changed.code == .untrusted)
        #expect(changed.message.contains("remove line 1 of \(server.knownHosts.path(percentEncoded: false))"))
        try "".write(to: server.knownHosts, atomically: true, encoding: .utf8)
        let unknown = try await error(url, environment: environment)
        #expect(unknown.code == .untrusted && unknown.message.contains("is not known"))
        try server.trustHostKey()
        #expect(try await repository.fetch().commit == commit)
        try server.revokeUserKey()
        let refused = try await error(url, environment: environment)
        #expect(refused.code == .unauthorized && refused.message.contains("does not accept the key"))
        server.stop()
        let gone = try await error(url, environment: environment)
        #expect(gone.code == .unreachable)
    }
}
