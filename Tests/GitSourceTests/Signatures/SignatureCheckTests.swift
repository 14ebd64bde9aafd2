import Foundation
import TestSupport
import Testing

@testable import GitSource

/// Commits and tags that ssh-keygen and gpg have signed.
@Suite(
    "Commits must be signed", .timeLimit(.minutes(10)),
    .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/ssh-keygen"), "no ssh-keygen"))
struct SignatureCheckTests {
    private static func has(_ program: String) -> Bool { FileManager.default.isExecutableFile(atPath: program) }

    /// A repository, and who may sign.
    private struct Signers {
        let fixture: GitFixture
        var rule: SignatureRule

        var file: URL { fixture.folder.appending(path: "signers") }

        init() throws {
            fixture = try GitFixture()
            rule = .allowedSigners(fixture.folder.appending(path: "signers").path)
        }

        /// - Returns: the path of a new private key.
        func key(_ name: String) throws -> String {
            let path = fixture.folder.appending(path: name).path
            try GitFixture.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path])
            return path
        }

        func allow(_ keys: String...) throws {
            let lines = try keys.map {
                "\(URL(fileURLWithPath: $0).lastPathComponent)@example.org \(try text($0 + ".pub"))"
            }
            try Data(lines.joined().utf8).write(to: file)
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file.path)
        }

        private func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

        @discardableResult
        func commit(_ text: String, signedWith key: String?, format: String = "ssh") throws -> String {
            try fixture.write(text, to: "a.yaml")
            try fixture.git("add", "--all")
            let signing = key.map { ["-c", "gpg.format=\(format)", "-c", "user.signingKey=\($0)"] } ?? []
            try GitFixture.run(
                ["git", "-C", fixture.source.path] + signing + ["commit", "--quiet", "-m", text]
                    + (key == nil ? [] : ["-S"]))
            return try fixture.git("rev-parse", "HEAD")
        }

        func tag(_ name: String, signedWith key: String) throws {
            try GitFixture.run([
                "git", "-C", fixture.source.path, "-c", "gpg.format=ssh", "-c", "user.signingKey=\(key)", "tag", "-s",
                "-m", "t",
                name,
            ])
        }

        func repository(at reference: GitReference? = nil, environment: [String: String] = [:]) throws -> GitRepository
        {
            var configuration = try GitConfiguration(
                url: fixture.source.path, reference: try reference ?? GitReference(branch: "main"),
                mirrorDirectory: fixture.mirror.path,
                environment: ProcessInfo.processInfo.environment.merging(environment) { $1 })
            configuration.signatures = rule
            return GitRepository(configuration: configuration)
        }
    }

    @Test(
        "a commit of an allowed key is read; one without a signature, or of another key, is not, and the last good one stays"
    )
    func branch() async throws {
        let signers = try Signers()
        let (own, other) = (try signers.key("alice"), try signers.key("mallory"))
        try signers.allow(own)
        let repository = try signers.repository()
        let good = try signers.commit("one", signedWith: own)
        #expect(try await repository.fetch().commit == good)
        try signers.commit("two", signedWith: nil)
        for _ in 0..<2 {
            let error = try await gitError { _ = try await repository.fetch() }
            #expect(
                error?.code == .unsigned && error?.message.contains("it is not signed") == true,
                "\(String(describing: error))")
        }
        try signers.commit("three", signedWith: other)
        let error = try await gitError { _ = try await repository.fetch() }
        #expect(error?.message.contains("which is not in \(signers.file.path)") == true, "\(String(describing: error))")
        // A controller that starts now uses the last commit that was signed, not the one that was fetched.
        #expect(try await signers.repository().lastFetched()?.commit == good)
        // Their key is removed: what they signed is not used any more, also after a restart.
        try signers.allow(other)
        #expect(try await signers.repository().lastFetched() == nil)
        #expect(try await repository.fetch().commit == signers.fixture.git("rev-parse", "HEAD"))
    }

    @Test("the user's own keys and git settings allow nobody")
    func ownSettings() async throws {
        let signers = try Signers()
        let (own, other) = (try signers.key("alice"), try signers.key("mallory"))
        try signers.allow(other)
        let everybody = signers.fixture.folder.appending(path: "home/signers")
        try FileManager.default.createDirectory(
            at: everybody.deletingLastPathComponent(), withIntermediateDirectories: true)
        try FileManager.default.copyItem(at: signers.file, to: everybody)
        // A program that says of everybody that they are allowed.
        let liar = try signers.fixture.script(
            "liar", "echo 'Good \"git\" signature for a@example.org with ED25519 key SHA256:x'")
        try Data(
            "[gpg \"ssh\"]\n program = \(liar.path)\n allowedSignersFile = \(everybody.path)\n[gpg]\n minTrustLevel = never\n"
                .utf8
        ).write(
            to: everybody.deletingLastPathComponent().appending(path: ".gitconfig"))
        try signers.allow(own)
        try signers.commit("one", signedWith: other)
        let repository = try signers.repository(
            environment: ["HOME": everybody.deletingLastPathComponent().path])
        #expect(try await gitError { _ = try await repository.fetch() }?.code == .unsigned)
    }

    @Test("a signed tag is enough, but only under its own name")
    func tags() async throws {
        let signers = try Signers()
        let own = try signers.key("alice")
        try signers.allow(own)
        let commit = try signers.commit("one", signedWith: nil)
        try signers.tag("v1.0.0", signedWith: own)
        #expect(try await signers.repository(at: GitReference(tag: "v1.0.0")).fetch().commit == commit)
        #expect(try await signers.repository(at: GitReference(semver: ">=1")).fetch().commit == commit)
        // Somebody may push, but not sign: an old release under a new name.
        try signers.fixture.git("update-ref", "refs/tags/v2.0.0", "refs/tags/v1.0.0")
        let error = try await gitError { _ = try await signers.repository(at: GitReference(semver: ">=1")).fetch() }
        #expect(error?.message.contains("signed under another name") == true, "\(String(describing: error))")
        try signers.fixture.git("tag", "v3.0.0")
        #expect(try await gitError { _ = try await signers.repository(at: GitReference(tag: "v3.0.0")).fetch() } != nil)
    }

    @Test("a file that is missing, or that others may change, allows nobody and is named")
    func unusableFile() async throws {
        let signers = try Signers()
        let own = try signers.key("alice")
        try signers.commit("one", signedWith: own)
        let repository = try signers.repository()
        #expect(try await gitError { _ = try await repository.fetch() }?.message.contains("is missing") == true)
        try signers.allow(own)
        try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: signers.file.path)
        #expect(try await gitError { _ = try await repository.fetch() }?.message.contains("chmod go-w") == true)
        for text in ["", "# nobody\n", "alice@example.org\n"] {
            try Data(text.utf8).write(to: signers.file)
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: signers.file.path)
            #expect(try await gitError { _ = try await repository.fetch() }?.message.contains("names no key") == true)
        }
        // Files that are mounted into a pod are links.
        try signers.allow(own)
        let real = signers.fixture.folder.appending(path: "real-signers")
        try FileManager.default.moveItem(at: signers.file, to: real)
        try FileManager.default.createSymbolicLink(at: signers.file, withDestinationURL: real)
        #expect(try await !repository.fetch().commit.isEmpty)
    }

    @Test(
        "OpenPGP: only keys of the keyring count, and a signature of another kind does not",
        .enabled(if: has("/usr/bin/gpg"), "no gpg"))
    func openPGP() async throws {
        var signers = try Signers()
        let home = signers.fixture.folder.appending(path: "gnupg").path
        try FileManager.default.createDirectory(
            atPath: home, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        func gpg(_ arguments: String...) throws -> String {
            try ChildProcess.run(["gpg", "--homedir", home, "--batch", "--quiet"] + arguments, environment: [:])
        }
        defer { _ = try? ChildProcess.run(["gpgconf", "--homedir", home, "--kill", "all"], environment: [:]) }
        for name in ["alice", "mallory"] {
            _ = try gpg("--passphrase", "", "--quick-gen-key", "\(name)@example.org", "ed25519", "sign", "never")
        }
        let keyring = signers.fixture.folder.appending(path: "keyring.gpg").path
        _ = try gpg("--output", keyring, "--export", "alice@example.org")
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: keyring)
        signers.rule = .gpgKeyring(keyring)
        func commit(_ name: String) throws -> String {
            try signers.fixture.write(name, to: "a.yaml")
            try signers.fixture.git("add", "--all")
            _ = try ChildProcess.run(
                [
                    "git", "-C", signers.fixture.source.path, "-c", "user.name=A", "-c", "user.email=a@example.org",
                    "-c",
                    "user.signingKey=\(name)@example.org", "commit", "--quiet", "-S", "-m", name,
                ], environment: ["GNUPGHOME": home, "GIT_CONFIG_GLOBAL": "/dev/null"])
            return try signers.fixture.git("rev-parse", "HEAD")
        }
        // The keyring of the user has both keys.
        let repository = try signers.repository(environment: ["GNUPGHOME": home])
        let good = try commit("alice")
        #expect(try await repository.fetch().commit == good)
        _ = try commit("mallory")
        let error = try await gitError { _ = try await repository.fetch() }
        #expect(error?.message.contains("which is not in \(keyring)") == true, "\(String(describing: error))")
        let key = try signers.key("bob")
        try signers.commit("ssh", signedWith: key)
        #expect(try await gitError { _ = try await repository.fetch() }?.code == .unsigned)
        try Data("no keyring".utf8).write(to: URL(fileURLWithPath: keyring))
        #expect(try await gitError { _ = try await repository.fetch() }?.message.contains("is no keyring") == true)
        _ = try gpg("--armor", "--yes", "--output", keyring, "--export", "alice@example.org")
        #expect(try await gitError { _ = try await repository.fetch() }?.message.contains("without --armor") == true)
    }

    @Test("the name of a tag is the one in its headers, not in its message")
    func tagNames() {
        #expect(SignatureCheck.name(inTag: "object 1\ntype commit\ntag v1\ntagger A\n\ntag v2\n") == "v1")
        #expect(SignatureCheck.name(inTag: "object 1\ntype commit\n\ntag v2\n") == nil)
    }
}
