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
        "other transports and hidden options are refused",
        arguments: [
            "", "--upload-pack=touch /tmp/x", "-c", "ext::sh -c touch% /tmp/x", "fd::7", "git://example.org/repo",
            "http://example.org/repo", "ftp://example.org/repo", "ssh://-oProxyCommand=x/repo", "ssh://-x@host/repo",
            "-oProxyCommand=x:repo", "host:-x", "https:///repo", "https://-x/repo", "file://other/repo", "file:repo",
            "ssh://git:secret@example.org/repo", "/srv/a\nb", "https://example.org/\u{0}", "/srv/a\r\nb",
            "https://example.org/repo?private_token=hush", "https://example.org/repo#hush",
            "https://bot:hu/sh@example.org/repo", "https://bot:hu?sh@example.org/repo", "https://bot:%zz@example.org/x",
            "https://bot:a%0Ab@example.org/x", "ssh://host:port/x", "https://token@example.org/repo",
            "https://@example.org/r",
            "https://bot:hush@example.org/repo", "bot:hush@example.org:team/repo.git",
        ])
    func refused(text: String) {
        #expect(throws: GitError.self) { try GitLocation(text) }
    }

    @Test("a user, a password or a token in an address is refused, with what to do instead")
    func passwords() throws {
        for text in ["https://bot:to%40ken@Example.org/r", "https://token@example.org/repo", "https://@example.org/r"] {
            let refused = #expect(throws: GitError.self) { try GitLocation(text) }
            #expect(refused?.message.contains("tokenFile or credentialsFile") == true, "\(text)")
            #expect(refused?.message.contains("ken@") == false && refused?.message.contains("%40") == false)
        }
        let location = try GitLocation("https://Example.org:8443/team/repo.git")
        #expect(location.origin == "https://example.org:8443")
        let said = location.redacted("fatal: unable to access 'https://bot:to%40ken@example.org/x': no")
        #expect(said == "fatal: unable to access 'https://***@example.org/x': no")
    }

    @Test(
        "a refused address is shown without its secrets",
        arguments: [
            "http://bot:hush@example.org/repo", "https://bot:hu/hush@example.org/repo",
            "https://example.org/repo?private_token=hush", "https://example.org/repo#hush",
            "ssh://git:hush@example.org/r",
            "https://example.org/r?a=1@hush", "https://hush@example.org/r", "bot:hush@example.org:r",
        ])
    func refusalsKeepSecrets(text: String) {
        let error = #expect(throws: GitError.self) { try GitLocation(text) }
        #expect(error?.message.contains("hush") == false)
        #expect(error?.message.contains("example.org") == !text.contains("1@hush"))
        #expect(error?.message.contains("bot") == false)
    }

    @Test("a repository's identity has no user or password, and equals the text if there is none")
    func identity() {
        for text in ["https://a:b@example.org/r", "https://t@example.org/r", "https://example.org/r?private_token=t"] {
            #expect(GitLocation.identity(of: text) == "https://example.org/r")
        }
        for text in ["/srv/repo", "./repo", "git@example.org:r", "https://Example.org/r", "ssh://git@example.org/r"] {
            #expect(GitLocation.identity(of: text) == text)
        }
    }

    @Test("git inherits only the variables that it needs, and the added ones contain no credentials")
    func environment() throws {
        let location = try GitLocation("https://example.org/repo")
        let credentials = GitCredentials(user: "bot", password: "secret")
        let inherited = [
            "PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "x", "GIT_DIR": "/x", "GIT_SSH_COMMAND": "ssh -i key",
            "HOME": "/home/bot",
        ]
        let environment = GitEnvironment(inherited: inherited, location: location)
        let helper = try CredentialHelper(credentials, origin: #require(location.origin))
        let variables = environment.variables(reaches: .source, settings: helper.settings)
        #expect(variables["AWS_SECRET_ACCESS_KEY"] == nil)
        #expect(variables["GIT_DIR"] == nil)
        #expect(variables["PATH"] == "/bin")
        #expect(variables["GIT_ALLOW_PROTOCOL"] == "https:ssh")
        #expect(variables["GIT_SSH_COMMAND"]?.hasPrefix("ssh -i key -o BatchMode=yes") == true)
        let keys = variables.filter { $0.key.hasPrefix("GIT_CONFIG_KEY_") }
        #expect(variables["GIT_CONFIG_COUNT"] == String(keys.count))
        #expect(keys.values.contains("credential.https://example.org.helper"))
        #expect(!variables.values.contains { $0.contains("secret") || $0.contains("c2VjcmV0") || $0.contains("bot:") })
        #expect(environment.variables(reaches: .nobody)["GIT_ALLOW_PROTOCOL"] == "none")
        let stranger = environment.variables(reaches: .sourceAsStranger)
        #expect(stranger["HOME"] != "/home/bot" && stranger["GIT_CONFIG_GLOBAL"] == "/dev/null")
    }

    @Test("a path must stay within the repository", arguments: ["/etc", "../x", "a/../../b"])
    func paths(path: String) {
        #expect(throws: GitError.self) {
            try GitConfiguration(url: "/srv/repo", reference: "main", path: path, mirrorDirectory: "/tmp/m")
        }
    }
}

struct GitReferenceTests {
    @Test("names of branches and tags, and full commit ids, are accepted")
    func accepted() throws {
        #expect(try GitReference("main") == .named("main"))
        #expect(try GitReference("team/fraud-v1.2") == .named("team/fraud-v1.2"))
        #expect(try GitReference("refs/tags/v1").candidates == ["refs/tags/v1"])
        #expect(try GitReference("v1").candidates == ["refs/heads/v1", "refs/tags/v1"])
        let id = String(repeating: "AB", count: 20)
        #expect(try GitReference(id) == .commit(id.lowercased()))
    }

    @Test(
        "a name that git refuses, or could read as an option, is refused",
        arguments: [
            "", "--upload-pack=x", "-x", "a b", "a..b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "a@{1}", "@",
            "HEAD",
            "/a", "a/", "a//b", ".a", "a/.b", "a.lock", "a.lock/b", "a.", "a\u{7F}", "a\nb",
        ])
    func refused(name: String) {
        #expect(throws: GitError.self) { try GitReference(name) }
    }
}
