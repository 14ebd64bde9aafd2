import Foundation
import TestSupport
import Testing

@testable import GitSource

/// Credentials reach only the host that they are for. Real git, over real TLS.
@Suite(.enabled(if: GitServer.isPossible), .serialized)
struct GitCredentialTests {
    static let canary = "canary~/+&=%s3cr3t"
    let fixture: GitFixture
    let commit: String
    let root: URL

    init() throws {
        fixture = try GitFixture()
        commit = try fixture.commit(["a.yaml": "1"])
        root = try fixture.publish()
    }

    private func environment(_ servers: GitServer..., config: String = "") throws -> [String: String] {
        let home = fixture.folder.appending(path: "home")
        try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
        try config.write(to: home.appending(path: ".gitconfig"), atomically: true, encoding: .utf8)
        let authorities = fixture.folder.appending(path: "authorities.pem").path
        try servers.map { try String(contentsOfFile: $0.certificate, encoding: .utf8) }.joined()
            .write(toFile: authorities, atomically: true, encoding: .utf8)
        return ["GIT_SSL_CAINFO": authorities, "no_proxy": "*", "HOME": home.path]
    }

    private func secretFile(_ text: String, mode: Int = 0o600) throws -> String {
        let file = fixture.folder.appending(path: "credentials-\(UUID().uuidString)")
        try text.write(to: file, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file.path)
        return file.path
    }

    /// The canary value in plain text, in base64 and percent-encoded.
    private func traces(in text: some Sequence<UInt8>) -> Bool {
        let text = String(decoding: Array(text), as: UTF8.self)
        let encoded = Self.canary.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        let base64 = ["", "a", "ab"].map { prefix in
            Data("\(prefix)\(Self.canary)".utf8).base64EncodedString().dropFirst(4).dropLast(4)
        }
        return text.contains(Self.canary) || text.contains(encoded) || base64.contains { text.contains($0) }
    }

    enum Way: String, CaseIterable {
        case credentialsFile, storeFile, tokenFile, userHelper, userHeader, userRewriting
    }

    @Test(
        "credentials of every kind open the repository, and are written nowhere",
        arguments: Way.allCases)
    func everyWay(way: Way) async throws {
        let encoded = try #require(Self.canary.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
        let server = try GitServer(
            in: fixture.folder, repositories: root,
            logins: ["bot:\(Self.canary)", "oauth2:\(Self.canary)", "\(Self.canary):"],
            header: "X-Token: \(Self.canary)")
        defer { server.stop() }
        let host = "127.0.0.1:\(server.port)"
        let kept = try secretFile("https://bot:\(encoded)@\(host)\n")
        var config = ""
        var source: GitCredentialSource?
        switch way {
        case .credentialsFile: source = .file(try secretFile("username=bot\npassword=\(Self.canary)\n"))
        case .storeFile: source = .file(try secretFile("https://a:b@other.example\nhttps://bot:\(encoded)@\(host)\n"))
        case .tokenFile: source = .tokenFile(try secretFile("\(Self.canary)\n"))
        case .userHelper: config = "[credential]\n\thelper = store --file \(kept)\n"
        case .userRewriting:
            config = "[url \"https://bot:\(encoded)@\(host)/\"]\n\tinsteadOf = https://\(host)/\n"
        case .userHeader: config = "[http \"\(server.address)/\"]\n\textraHeader = X-Token: \(Self.canary)\n"
        }
        let environment = try environment(server, config: config)
        let repository = try fixture.repository(
            url: "https://\(host)/repo.git", at: GitReference("main"), credentials: source,
            environment: environment)
        let seen = try await ProcessSample().during {
            let fetched = try await repository.fetch().commit
            #expect(fetched == commit)
            let text = try await repository.files(at: commit)["a.yaml"]?.text
            #expect(text == "1")
        }
        #expect(seen.processes > 2)
        #expect(!traces(in: seen.text.utf8), "\(way): in a command line or an environment")
        #expect(!traces(in: try fixture.writtenState()), "\(way): in the mirror")
        #expect(!traces(in: "\(repository.configuration.location)".utf8))
        if way == .userHelper {
            // git's own helper may write its entry again, with other escapes.
            #expect(try String(contentsOfFile: kept, encoding: .utf8).contains("@127.0.0.1"))
        }
    }

    @Test("a refused login is told without it, and git does not forget what its user keeps")
    func refused() async throws {
        let server = try GitServer(in: fixture.folder, repositories: root, logins: ["bot:other"])
        defer { server.stop() }
        let environment = try environment(server, config: "[credential]\n\thelper = store\n")
        let home = try #require(environment["HOME"])
        let store = "\(home)/.git-credentials"
        let encoded = try #require(Self.canary.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
        let line = "https://bot:\(encoded)@127.0.0.1:\(server.port)\n"
        try line.write(toFile: store, atomically: true, encoding: .utf8)
        let repository = try fixture.repository(
            url: "\(server.address)/repo.git", at: GitReference("main"),
            credentials: .file(try secretFile("bot:\(Self.canary)\n")), environment: environment)
        let error = try #require(try await gitError { _ = try await repository.fetch() })
        #expect(error.code == .unauthorized)
        #expect(!traces(in: error.message.utf8))
        #expect(try String(contentsOfFile: store, encoding: .utf8) == line)
    }

    enum Leading: String, CaseIterable { case to, then }

    @Test("a server that redirects is not followed, and no other host gets a request", arguments: Leading.allCases)
    func redirects(how: Leading) async throws {
        let thief = try GitServer(in: fixture.folder, repositories: root, logins: ["bot:\(Self.canary)"])
        let server = try GitServer(in: fixture.folder, repositories: root, logins: ["bot:\(Self.canary)"])
        defer {
            thief.stop()
            server.stop()
        }
        let header = "[http \"\(server.address)/\"]\n\textraHeader = X-Token: \(Self.canary)\n"
        let environment = try environment(thief, server, config: header)
        for path in ["repo.git", "open/repo.git"] {
            let repository = try fixture.repository(
                url: "\(server.address)/\(how)/\(thief.port)/\(path)", at: GitReference("main"),
                credentials: .file(try secretFile("username=bot\npassword=\(Self.canary)\n")),
                environment: environment)
            let error = try #require(try await gitError { _ = try await repository.fetch() })
            if how == .to {
                #expect(error.code == .redirected)
                #expect(error.message.contains("set the repository's address to '\(thief.address)/\(path)'"))
            }
            #expect(!traces(in: error.message.utf8))
        }
        #expect(try thief.requests().isEmpty)
        #expect(!(try server.requests().isEmpty))
    }

    @Test("a file that others may write, that is not a file, or that has nothing for the host is refused with advice")
    func files() async throws {
        let server = try GitServer(in: fixture.folder, repositories: root, logins: ["bot:\(Self.canary)"])
        defer { server.stop() }
        let environment = try environment(server)
        let sources: [(GitCredentialSource, String)] = [
            (.file(try secretFile("bot:\(Self.canary)", mode: 0o622)), "chmod 600"),
            (.file("/nowhere"), "cannot be read"), (.file("/dev/zero"), "not a regular file"),
            (.file(fixture.folder.path), "not a regular file"),
            (
                .file(try secretFile("https://bot:\(Self.canary)@other.example\n")),
                "no credentials for https://127.0.0.1"
            ),
            (.file(try secretFile("https://bot:\(Self.canary)@127.0.0.1\n")), "no credentials for https://127.0.0.1:"),
            (
                .file(try secretFile("host=other.example\nusername=bot\npassword=\(Self.canary)\n")),
                "no credentials for"
            ),
            (.tokenFile(try secretFile("")), "one token"),
            (.tokenFile(try secretFile("\(Self.canary) x")), "one token"),
        ]
        for (source, words) in sources {
            let repository = try fixture.repository(
                url: "\(server.address)/repo.git", at: GitReference("main"), credentials: source,
                environment: environment)
            let error = try #require(try await gitError { _ = try await repository.fetch() })
            #expect(error.code == .unauthorized)
            #expect(error.message.contains(words), "\(error.message)")
            #expect(!traces(in: error.message.utf8))
        }
        #expect(try server.requests().isEmpty)
    }

    @Test("a file that is replaced is read again")
    func rotation() async throws {
        let server = try GitServer(in: fixture.folder, repositories: root, logins: ["bot:\(Self.canary)"])
        defer { server.stop() }
        let file = try secretFile("bot:old")
        let repository = try fixture.repository(
            url: "\(server.address)/repo.git", at: GitReference("main"), credentials: .file(file),
            environment: try environment(server))
        #expect(try await gitError { _ = try await repository.fetch() }?.code == .unauthorized)
        try "bot:\(Self.canary)".write(toFile: file, atomically: false, encoding: .utf8)
        #expect(try await repository.fetch().commit == commit)
    }

    @Test("credentials from a file are for https: alone, and none stand in an address")
    func configuration() {
        for url in ["/srv/repo", "git@example.org:repo", "https://a:b@example.org/repo"] {
            #expect(throws: GitError.self) {
                try GitConfiguration(url: url, reference: "main", mirrorDirectory: "/tmp/m", credentials: .file("/x"))
            }
        }
    }
}
