import Foundation
import TestSupport
import Testing

@testable import GitSource

struct GitTransportTests {
    let fixture: GitFixture

    init() throws { fixture = try GitFixture() }

    @Test("ssh: uses the ssh program, with options that prevent prompts")
    func ssh() async throws {
        let commit = try fixture.commit(["a.yaml": "1"])
        let seen = fixture.folder.appending(path: "seen")
        let ssh = try fixture.script("ssh", "echo \"$@\" > '\(seen.path)'\nfor last; do :; done\nexec sh -c \"$last\"")
        for url in ["git@example.org:\(fixture.source.path)", "ssh://git@example.org\(fixture.source.path)"] {
            let repository = try fixture.repository(url: url, environment: ["GIT_SSH_COMMAND": ssh.path])
            #expect(try await repository.fetch().commit == commit)
            #expect(try await repository.files(at: commit)["a.yaml"]?.text == "1")
            #expect(try String(contentsOf: seen, encoding: .utf8).contains("BatchMode=yes"))
            let again = try await repository.fetch()
            #expect(again.previous == commit)
        }
    }

    @Test("an ssh host that refuses access is reported as unauthorized")
    func sshRefused() async throws {
        let ssh = try fixture.script("ssh", "echo 'git@example.org: Permission denied (publickey).' >&2; exit 255")
        let repository = try fixture.repository(
            url: "git@example.org:team/repo.git", environment: ["GIT_SSH_COMMAND": ssh.path])
        #expect(try await gitError { _ = try await repository.fetch() }?.code == .unauthorized)
    }

    @Test("an https: host that does not listen is unreachable")
    func httpsUnreachable() async throws {
        let repository = try fixture.repository(
            url: "https://127.0.0.1:1/repo.git", environment: ["no_proxy": "*"])
        let error = try #require(try await gitError { _ = try await repository.fetch() })
        #expect(error.code == .unreachable)
    }

    @Test(
        "https: with a password reads a repository that requires one",
        .enabled(if: ["openssl", "python3"].allSatisfy { (try? GitFixture.run(["which", $0])) != nil }))
    func https() async throws {
        let commit = try fixture.commit(["a.yaml": "1"])
        let bare = fixture.folder.appending(path: "www/repo.git").path
        try GitFixture.run(["git", "clone", "--quiet", "--bare", fixture.source.path, bare])
        try GitFixture.run(["git", "--git-dir", bare, "update-server-info"])
        let server = try HTTPSServer(in: fixture.folder, user: "bot", password: "hush")
        defer { server.stop() }
        let environment = ["GIT_SSL_CAINFO": server.certificate.path, "no_proxy": "*", "HOME": fixture.folder.path]
        func credentials(_ text: String) throws -> GitCredentialSource {
            let file = fixture.folder.appending(path: "credentials-\(text.hashValue)")
            try text.write(to: file, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
            return .file(file.path)
        }
        let url = "https://127.0.0.1:\(server.port)/repo.git"
        let repository = try fixture.repository(
            url: url, at: GitReference("main"), credentials: try credentials("bot:hush"), environment: environment)
        #expect(try await repository.fetch().commit == commit)
        #expect(try await repository.files(at: commit)["a.yaml"]?.text == "1")
        let stranger = try fixture.repository(
            url: url, at: GitReference("main"), credentials: try credentials("bot:wrong"), environment: environment)
        let error = try #require(try await gitError { _ = try await stranger.fetch() })
        #expect(error.code == .unauthorized)
        #expect(!error.message.contains("wrong"))
    }
}

/// Static files over TLS with its own certificate, for clients with the password.
private struct HTTPSServer {
    let certificate: URL
    let port: Int
    private let process: ChildProcess

    init(in folder: URL, user: String, password: String) throws {
        certificate = folder.appending(path: "cert.pem")
        let key = folder.appending(path: "key.pem")
        try GitFixture.run([
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key.path, "-out", certificate.path,
        ])
        let program = """
            import base64, functools, http.server, os, ssl, sys, threading
            wanted = "Basic " + base64.b64encode(b"\(user):\(password)").decode()
            class Handler(http.server.SimpleHTTPRequestHandler):
                def do_GET(self):
                    if self.headers.get("Authorization") != wanted:
                        self.send_response(401)
                        self.send_header("WWW-Authenticate", 'Basic realm="x"')
                        self.send_header("Content-Length", "0")
                        self.end_headers()
                    else:
                        super().do_GET()
                def log_message(self, *arguments): pass
            handler = functools.partial(Handler, directory="\(folder.path)/www")
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain("\(certificate.path)", "\(key.path)")
            server.socket = context.wrap_socket(server.socket, server_side=True)
            print(server.server_address[1], flush=True)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            sys.stdin.read()
            os._exit(0)
            """
        process = try ChildProcess(["python3", "-c", program])
        port = try process.readLine().flatMap { Int($0) } ?? 0
    }

    func stop() { process.stop() }
}
