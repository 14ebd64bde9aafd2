import Testing

@testable import ModelStorage

struct ModelLocationTests {
    @Test(
        "absolute file: URIs, https:, and http: to this machine are understood",
        arguments: [
            ("file:///models/a%20b", "/models/a b"), ("file:/models/../x", "/x"), ("file://localhost/m", "/m"),
        ])
    func files(uri: String, path: String) throws { #expect(try ModelLocation(uri) == .file(path: path)) }

    @Test("a relative file: URI needs a base")
    func relative() throws {
        #expect(throws: StorageError.self) { try ModelLocation("file:./model") }
        #expect(try ModelLocation("file:./model", base: "/srv/repo") == .file(path: "/srv/repo/model"))
        #expect(try ModelLocation("file:../model", base: "/srv/repo") == .file(path: "/srv/model"))
        #expect(throws: StorageError.self) { try ModelLocation("file:model", base: "/srv/repo") }
    }

    @Test(
        "other schemes, plain paths and unencrypted hosts are refused, with what to do instead",
        arguments: [
            ("ftp://b/k", "use one of https:, s3:, gs:"), ("S3://bucket/k", "Write it as s3:"),
            ("FILE:///m", "Write it as file:"),
            ("s3://b/k", "names no bucket"),
            ("hf://model", "names no model"), ("/models/a", "Write file:"), ("", "Write file:"),
            ("http://example.org/m", "Use https:"), ("http://127.0.0.1.example.org/m", "Use https:"),
            ("https:///m", "does not name a host"), ("file:", "does not name a file"),
            ("file:///a b", "%20 for blanks"),
        ])
    func refused(uri: String, advice: String) {
        let error = #expect(throws: StorageError.self) { try ModelLocation(uri) }
        #expect(error?.code == .unsupported)
        #expect(error?.retryClass == .terminal)
        #expect(error?.message.contains(advice) == true)
    }

    @Test("a message never shows user, password or query")
    func redaction() throws {
        let location = try WebLocation("https://user:secret@example.org/m.bin?token=hush")
        #expect(location.description == "https://***@example.org/m.bin?***")
        let error = #expect(throws: StorageError.self) { try ModelLocation("s3://key:secret@bucket/x?token=hush") }
        #expect(error?.message.contains("secret") == false)
        #expect(error?.message.contains("hush") == false)
        #expect(WebLocation.redacted("s3://b/x?versionId=v1") == "s3://b/x?versionId=v1")
        #expect(WebLocation.redacted("hf://a/b?include=*.bin&exclude=x") == "hf://a/b?include=*.bin&exclude=x")
        #expect(WebLocation.redacted("s3://b/x?versionId=v1&sig=hush") == "s3://b/x?***")
        #expect(WebLocation.redacted("https://h/x?versionId=v1") == "https://h/x?***")
    }

    @Test("https: may redirect only to https:; a loopback http: address also to another loopback one")
    func redirects() throws {
        let web = try WebLocation("https://example.org/m")
        #expect(try web.redirected(to: "https://cdn.example.org/m").isLoopback == false)
        #expect(throws: StorageError.self) { try web.redirected(to: "http://example.org/m") }
        #expect(throws: StorageError.self) { try web.redirected(to: "http://127.0.0.1/m") }
        #expect(throws: StorageError.self) { try web.redirected(to: "file:///etc/passwd") }
        #expect(try WebLocation("http://localhost:1/m").redirected(to: "http://127.0.0.1:2/m").isLoopback)
        #expect(throws: StorageError.self) {
            try WebLocation("http://localhost:1/m").redirected(to: "http://example.org")
        }
    }

    @Test(
        "a file keeps its own name, if that is a usable file name",
        arguments: [
            ("https://h/a/model.pkl", "model.pkl"), ("https://h/a/b%20c.bin?x=1", "b c.bin"), ("https://h/", "model"),
            ("https://h/a/..", "model"), ("https://h/a%2Fb", "b"), ("https://h/%00x", "x"),
        ])
    func fileNames(url: String, name: String) throws { #expect(try WebLocation(url).fileName == name) }
}

struct ContentDigestTests {
    @Test("a digest is sha256: and 64 hex digits, normalized to lower case")
    func digests() throws {
        let hex = String(repeating: "ab", count: 32)
        #expect(try ContentDigest("sha256:\(hex.uppercased())").hex == hex)
        for text in [
            "", hex, "sha256:", "sha256:\(hex.dropLast())", "sha256:\(hex)0", "md5:\(hex)",
            "sha256:" + String(repeating: "g", count: 64),
        ] {
            #expect(throws: StorageError.self) { try ContentDigest(text) }
        }
    }
}
