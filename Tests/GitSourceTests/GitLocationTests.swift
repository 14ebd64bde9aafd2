import Testing

@testable import GitSource

struct GitLocationTests {
    @Test(
        "paths, file:, https:, ssh: and host:path are understood",
        arguments: [
            ("/srv/repo", GitLocation.Transport.file, "/srv/repo"),
            ("./repo", .file, "/base/repo"),
            ("a:b/../c:d", .ssh, "a:b/../c:d"),
            ("./a:b", .file, "/base/a:b"),
            ("file:///srv/my%20repo", .file, "/srv/my repo"),
            ("file:/srv/repo", .file, "/srv/repo"),
            ("file://localhost/srv/repo", .file, "/srv/repo"),
            ("https://example.org/team/repo.git", .https, "https://example.org/team/repo.git"),
            ("ssh://git@example.org:2222/team/repo.git", .ssh, "ssh://git@example.org:2222/team/repo.git"),
            ("git@example.org:team/repo.git", .ssh, "git@example.org:team/repo.git"),
        ])
    func understood(text: String, transport: GitLocation.Transport, address: String) throws {
        let location = try GitLocation(text, base: "/base")
        #expect(location.transport == transport)
        #expect(location.address == address)
    }

    @Test(
        "other transports and smuggled options are refused",
        arguments: [
            "", "--upload-pack=touch /tmp/x", "-c", "ext::sh -c touch% /tmp/x", "fd::7", "git://example.org/repo",
            "http://example.org/repo", "ftp://example.org/repo", "ssh://-oProxyCommand=x/repo", "ssh://-x@host/repo",
            "-oProxyCommand=x:repo", "host:-x", "https:///repo", "https://-x/repo", "file://other/repo", "file:repo",
            "ssh://git:secret@example.org/repo", "/srv/a\nb", "https://example.org/\u{0}",
        ])
    func refused(text: String) {
        #expect(throws: GitError.self) { try GitLocation(text) }
    }

    @Test("a password is in no address, no description and no message")
    func passwords() throws {
        let location = try GitLocation("https://bot:to%40ken@example.org:8443/team/repo.git")
        #expect(location.address == "https://example.org:8443/team/repo.git")
        #expect(location.credentials == "bot:to@ken")
        #expect(location.origin == "https://example.org:8443")
        let said = location.redacted("fatal: unable to access 'https://bot:to%40ken@example.org/x': to@ken")
        #expect(said == "fatal: unable to access 'https://***@example.org/x': ***")
        #expect(!location.description.contains("ken"))
        #expect(try GitLocation("https://token@example.org/repo").description == "https://***@example.org/repo")
        let error = #expect(throws: GitError.self) { try GitLocation("http://bot:hush@example.org/repo") }
        #expect(error?.message.contains("hush") == false)
    }

    @Test("credentials go to git by its environment, and only to their own host")
    func environment() throws {
        let location = try GitLocation("https://bot:secret@example.org/repo")
        let inherited = [
            "PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "x", "GIT_DIR": "/x", "GIT_SSH_COMMAND": "ssh -i key",
        ]
        let variables = GitEnvironment(inherited: inherited, location: location).variables
        #expect(variables["AWS_SECRET_ACCESS_KEY"] == nil)
        #expect(variables["GIT_DIR"] == nil)
        #expect(variables["PATH"] == "/bin")
        #expect(variables["GIT_ALLOW_PROTOCOL"] == "https:ssh")
        #expect(variables["GIT_SSH_COMMAND"]?.hasPrefix("ssh -i key -o BatchMode=yes") == true)
        let keys = variables.filter { $0.key.hasPrefix("GIT_CONFIG_KEY_") }
        #expect(variables["GIT_CONFIG_COUNT"] == String(keys.count))
        let header = try #require(keys.first { $0.value == "http.https://example.org/.extraHeader" })
        let value = variables[header.key.replacing("KEY", with: "VALUE")]
        #expect(value == "Authorization: Basic Ym90OnNlY3JldA==")
    }

    @Test("a path must stay within the repository", arguments: ["/etc", "../x", "a/../../b"])
    func paths(path: String) {
        #expect(throws: GitError.self) {
            try GitConfiguration(url: "/srv/repo", reference: "main", path: path, mirrorDirectory: "/tmp/m")
        }
    }
}

struct GitReferenceTests {
    @Test("names of branches and tags, and full commit ids")
    func accepted() throws {
        #expect(try GitReference("main") == .named("main"))
        #expect(try GitReference("team/fraud-v1.2") == .named("team/fraud-v1.2"))
        #expect(try GitReference("refs/tags/v1").candidates == ["refs/tags/v1"])
        #expect(try GitReference("v1").candidates == ["refs/heads/v1", "refs/tags/v1"])
        let id = String(repeating: "AB", count: 20)
        #expect(try GitReference(id) == .commit(id.lowercased()))
    }

    @Test(
        "what git does not take, or would take for an option, is refused",
        arguments: [
            "", "--upload-pack=x", "-x", "a b", "a..b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "a@{1}", "@",
            "HEAD",
            "/a", "a/", "a//b", ".a", "a/.b", "a.lock", "a.lock/b", "a.", "a\u{7F}", "a\nb",
        ])
    func refused(name: String) {
        #expect(throws: GitError.self) { try GitReference(name) }
    }
}
