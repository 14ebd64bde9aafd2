import Testing

@testable import GitSource

struct GitFailureTests {
    @Test(
        "git's messages about the network become error codes that decide how to retry",
        arguments: [
            ("fatal: unable to access 'https://x/': Could not resolve host: x", GitError.Code.unreachable),
            ("fatal: unable to access 'https://x/': Failed to connect to x port 443: Connection refused", .unreachable),
            (
                "ssh: connect to host x port 22: Connection timed out\nfatal: Could not read from remote repository.",
                .unreachable
            ),
            ("error: RPC failed; curl 56\nfatal: early EOF", .unreachable),
            ("fatal: unable to access 'https://x/': The requested URL returned error: 503", .unreachable),
            ("fatal: could not read Username for 'https://x': terminal prompts disabled", .unauthorized),
            ("git@x: Permission denied (publickey).\nfatal: Could not read from remote repository.", .unauthorized),
            ("Host key verification failed.\nfatal: Could not read from remote repository.", .untrusted),
            (
                "fatal: unable to access 'https://x/': server certificate verification failed. CAfile: none CRLfile: none",
                .untrusted
            ),
            (
                "fatal: unable to access 'https://x/': SSL certificate problem: unable to get local issuer certificate",
                .untrusted
            ),
            ("fatal: unable to access 'https://x/': The requested URL returned error: 403", .unauthorized),
            (
                "fatal: unable to access 'https://x/': gnutls_handshake() failed: Error in the pull function.",
                .unreachable
            ),
            ("fatal: https://x/info/refs not valid: is this a git repository?", .repositoryNotFound),
            ("fatal: Authentication failed for 'https://x/'", .unauthorized),
            ("remote: Repository not found.\nfatal: repository 'https://x/' not found", .repositoryNotFound),
            ("fatal: couldn't find remote ref refs/heads/x", .referenceNotFound),
            ("fatal: loose object 1234 (stored in objects/12/34) is corrupt", .damaged),
            ("fatal: write error: No space left on device", .diskFull),
            ("fatal: something new", .failed),
        ])
    func network(words: String, code: GitError.Code) throws {
        let location = try GitLocation("https://example.org/repo")
        #expect(GitFailure.error(in: words, doing: "Fetching main", from: location).code == code)
    }

    @Test(
        "the reason comes from git's words, and never from the address or a name in them",
        arguments: [
            (
                "https://example.org/tls-models", "fatal: repository 'https://example.org/tls-models/' not found",
                GitError.Code.repositoryNotFound
            ),
            (
                "https://example.org/timed out", "fatal: Authentication failed for 'https://example.org/timed out/'",
                .unauthorized
            ),
            (
                "https://example.org/no space left on device",
                "remote: denied\nfatal: unable to access 'https://example.org/no space left on device/': The requested URL returned error: 403",
                .unauthorized
            ),
            (
                "git@corrupt.example.org:a/b",
                "ssh: Could not resolve hostname corrupt.example.org: Name or service not known\nfatal: Could not read from remote repository.",
                .unreachable
            ),
            (
                "ssh://git@example.org/permission denied (x",
                "fatal: '/permission denied (x' does not appear to be a git repository\nfatal: Could not read from remote repository.",
                .repositoryNotFound
            ),
        ])
    func names(address: String, words: String, code: GitError.Code) throws {
        let location = try GitLocation(address)
        #expect(GitFailure.error(in: words, doing: "Fetching main", from: location).code == code)
    }

    @Test("a changed host key names the line of known_hosts to remove")
    func changedHostKey() throws {
        let words = """
            @@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
            @    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
            Offending ED25519 key in /home/mlctl/.ssh/known_hosts:7
            Host key verification failed.
            fatal: Could not read from remote repository.
            """
        let error = GitFailure.error(in: words, doing: "Fetching main", from: try GitLocation("git@example.org:a/b"))
        #expect(error.code == .untrusted)
        #expect(error.message.contains("remove line 7 of /home/mlctl/.ssh/known_hosts"))
    }

    @Test("a message is one bounded line without credentials")
    func quoting() throws {
        let location = try GitLocation("https://example.org/repo")
        let words =
            "From https://bot:hush@example.org/repo\nfatal: no\nhint: do\n" + String(repeating: "x", count: 5000)
        let message = GitFailure.error(in: words, doing: "Fetching main", from: location).message
        #expect(!message.contains("hush"))
        #expect(!message.contains("hint"))
        #expect(!message.contains("\n"))
        #expect(message.count < GitFailure.maximumQuotedLength + 200)
    }

    @Test(
        "user and password in an address are redacted wherever the address occurs",
        arguments: [
            ("x https://u:p@h/a y", "x https://***@h/a y"), ("https://h/a@b", "https://h/a@b"), ("a@b", "a@b"),
            ("https://u:p@q@h", "https://***@h"), ("'ssh://u@h' \"http://v@i\"", "'ssh://***@h' \"http://***@i\""),
            ("://u@h", "://***@h"), ("https://\u{301}u:p@h", "https://***@h"), ("", ""), ("://", "://"),
        ])
    func userInfo(text: String, shown: String) { #expect(Redaction.withoutUserInfo(text) == shown) }

    @Test("redaction takes linear time in the length of a server's message")
    func longWords() {
        // A pattern that restarts at every letter took hours for these.
        let words = String(repeating: "a", count: GitProgram.maximumErrorBytes)
        #expect(Redaction.withoutUserInfo(words) == words)
    }
}
