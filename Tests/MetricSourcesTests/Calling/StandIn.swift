import Foundation
import TestSupport

@testable import MetricSources

/// A server whose paths each misbehave in one way.
final class StandIn {
    let base: String
    private let process: ChildProcess

    /// - Parameter tls: files of its certificate and key, and of the authority that signs its clients.
    init(tls: (certificate: String, key: String, clients: String)? = nil) throws {
        let files = tls.map { [$0.certificate, $0.key, $0.clients] } ?? []
        process = try ChildProcess(["python3", "-c", Self.program] + files)
        guard let port = try process.readLine() else {
            throw NotStarted()
        }
        base = "\(tls == nil ? "http" : "https")://127.0.0.1:\(port)"
    }

    deinit { process.stop() }

    func send(
        _ path: String, headers: [SourceRequest.Header] = [], timeout: Duration = .seconds(20), bytes: Int = 4 << 20
    ) async throws -> SourceResponse {
        try await SourceTransport.send(
            SourceRequest(url: base + path, headers: headers), timeout: timeout, bytes: bytes)
    }

    private static let program = #"""
        import base64, http.server, json, ssl, sys, threading, time

        NEVER = threading.Event()
        VECTOR = '{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"%s"]}]}}'

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status, body, **headers):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                for name, value in headers.items(): self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                case = self.path.split("/")[1]
                if case == "hang": NEVER.wait()
                elif case == "drip":
                    self.send_response(200)
                    self.send_header("Content-Length", "1000000")
                    self.end_headers()
                    while True:
                        self.wfile.write(b" ")
                        self.wfile.flush()
                        time.sleep(0.02)
                elif case == "cut":
                    self.send_response(200)
                    self.send_header("Content-Length", "100")
                    self.end_headers()
                    self.wfile.write(b'{"a": 1}')
                    self.close_connection = True
                elif case == "large": self.answer(200, b"x" * (10 << 20))
                elif case == "endless":
                    self.send_response(200)
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    while True: self.wfile.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                elif case == "redirect": self.answer(302, b"", Location="/echo")
                elif case == "locked": self.answer(401, b"{}")
                elif case == "garbage": self.answer(200, b"\x00\xff<html>")
                elif case == "nan": self.answer(200, (VECTOR % "NaN").encode())
                elif case == "one": self.answer(200, (VECTOR % "1").encode())
                else: self.answer(200, json.dumps(dict(self.headers)).encode())

            do_POST = do_GET

            def log_message(self, *args): pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            def handle_error(self, request, address): pass

        server = Server(("127.0.0.1", 0), Handler)
        if len(sys.argv) > 1:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(sys.argv[1], sys.argv[2])
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(sys.argv[3])
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        print(server.server_address[1], flush=True)
        threading.Thread(target=lambda: (sys.stdin.read(), __import__("os")._exit(0)), daemon=True).start()
        server.serve_forever()
        """#
}
