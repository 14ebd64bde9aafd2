import Foundation

/// A smart HTTPS server for real git repositories (git http-backend) with a certificate of its own. It logs every request with
/// its headers.
///
///     /NAME/…                 a repository in the folder; requires one of `logins` (`user:password`), or the header
///     /open/NAME/…            the same without credentials
///     /to/PORT/NAME/…         redirects to the same path on another port
///     /status/CODE/NAME/…     answers with that status
///     /login/NAME/…           answers with a login page, as single sign-on does
///     /then/PORT/NAME/…       lists its references, and redirects what follows
package final class GitServer {
    package struct Request: Decodable, Sendable {
        package var path: String
        package var headers: [String: String]
    }

    package let certificate: String
    package let port: Int
    private let log: String
    private let process: ChildProcess

    /// - Parameters:
    ///   - folder: for the certificate and the log.
    ///   - repositories: the folder of the bare repositories that are served.
    ///   - header: a `Name: value` that grants access to everything.
    package init(in folder: URL, repositories: URL, logins: [String] = [], header: String? = nil) throws {
        let own = folder.appending(path: "server-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: own, withIntermediateDirectories: true)
        certificate = own.appending(path: "cert.pem").path
        log = own.appending(path: "requests").path
        let key = own.appending(path: "key.pem").path
        _ = try ChildProcess.run([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "2", "-subj", "/CN=127.0.0.1",
            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate,
        ])
        // Not on its command line, because tests check command lines.
        let doors = own.appending(path: "doors.json")
        try JSONEncoder().encode(["logins": logins, "headers": header.map { [$0] } ?? []]).write(to: doors)
        process = try ChildProcess([
            "python3", "-c", Self.program, certificate, key, repositories.path, log, doors.path,
        ])
        port = try process.readLine().flatMap { Int($0) } ?? 0
    }

    package static var isPossible: Bool {
        ["openssl", "python3", "git"].allSatisfy { (try? ChildProcess.run(["which", $0])) != nil }
    }

    package func stop() { process.stop() }

    package var address: String { "https://127.0.0.1:\(port)" }

    package func requests() throws -> [Request] {
        guard let text = try? String(contentsOfFile: log, encoding: .utf8) else { return [] }
        return try text.split(separator: "\n").map { try JSONDecoder().decode(Request.self, from: Data($0.utf8)) }
    }

    private static let program = #"""
        import base64, http.server, json, os, ssl, subprocess, sys, threading, urllib.parse
        certificate, key, root, log, doors = sys.argv[1:6]
        doors = json.load(open(doors))
        wanted = ["Basic " + base64.b64encode(login.encode()).decode() for login in doors["logins"]]
        lock = threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self): self.answer(b"")

            def do_POST(self):
                if self.headers.get("Transfer-Encoding", "") == "chunked":
                    body = b""
                    while True:
                        size = int(self.rfile.readline().split(b";")[0], 16)
                        body += self.rfile.read(size)
                        self.rfile.readline()
                        if size == 0: break
                else:
                    body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.answer(body)

            def simple(self, code, headers):
                self.send_response(code)
                for name, value in headers: self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def is_known(self):
                for header in doors["headers"]:
                    name, value = header.split(": ", 1)
                    if self.headers.get(name) == value: return True
                return self.headers.get("Authorization") in wanted

            def answer(self, body):
                with lock:
                    with open(log, "a") as file:
                        file.write(json.dumps({"path": self.path, "headers": dict(self.headers)}) + "\n")
                path, _, query = self.path.partition("?")
                path = urllib.parse.unquote(path)
                parts = path.split("/", 3)
                if parts[1] == "status":
                    return self.simple(int(parts[2]), [])
                if parts[1] == "login":
                    page = b"<html><form>Sign in</form></html>"
                    self.send_response(200)
                    self.send_header("Content-Type", "text/html")
                    self.send_header("Content-Length", str(len(page)))
                    self.end_headers()
                    return self.wfile.write(page)
                if parts[1] == "to":
                    return self.simple(302, [("Location", "https://127.0.0.1:%s/%s" % (parts[2], self.path.split("/", 3)[3]))])
                if parts[1] == "then":
                    if self.command == "POST":
                        return self.simple(307, [("Location", "https://127.0.0.1:%s/%s" % (parts[2], self.path.split("/", 3)[3]))])
                    path = "/" + parts[3]
                if parts[1] == "open":
                    path = path[len("/open"):]
                elif not self.is_known():
                    return self.simple(401, [("WWW-Authenticate", 'Basic realm="git"')])
                environment = {
                    "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": root, "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path,
                    "QUERY_STRING": query, "REQUEST_METHOD": self.command, "GIT_CONFIG_NOSYSTEM": "1",
                    "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
                    "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
                    "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                    "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "REMOTE_ADDR": "127.0.0.1",
                }
                result = subprocess.run(["git", "http-backend"], input=body, env=environment, stdout=subprocess.PIPE)
                head, _, content = result.stdout.partition(b"\r\n\r\n")
                code, headers = 200, []
                for line in head.decode().split("\r\n"):
                    name, _, value = line.partition(": ")
                    if name.lower() == "status": code = int(value.split()[0])
                    elif name: headers.append((name, value))
                self.send_response(code)
                for name, value in headers: self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments): pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request, address): pass

        server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        print(server.server_address[1], flush=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdin.read()
        os._exit(0)
        """#
}
