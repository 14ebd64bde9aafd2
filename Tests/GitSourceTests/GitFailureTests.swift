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
            ("Host key verification failed.\nfatal: Could not read from remote repository.", .unauthorized),
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
