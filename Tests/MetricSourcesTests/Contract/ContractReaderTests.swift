import Analysis
import Foundation
import ModelManifests
import Rollouts
import TestSupport
import Testing

@testable import MetricSources

/// Against a real server on loopback.
@Suite("The contract of a model server", .timeLimit(.minutes(10)))
struct ContractReaderTests {
    /// Answers according to the last part of the path. Its process ends with it.
    private final class Server {
        let address: String
        private let process: ChildProcess

        init() throws {
            process = try ChildProcess(["python3", "-c", Self.program])
            address = "127.0.0.1:\(try process.readLine() ?? "")"
        }

        private static let program = #"""
            import http.server, json, os, sys, threading, time

            class Handler(http.server.BaseHTTPRequestHandler):
                protocol_version = "HTTP/1.1"
                def log_message(self, *arguments): pass
                def answer(self, status, body, headers={}):
                    self.send_response(status)
                    for name, value in {"Content-Length": len(body), **headers}.items(): self.send_header(name, str(value))
                    self.end_headers()
                    self.wfile.write(body)
                def do_GET(self):
                    how = self.path.rsplit("/", 1)[1]
                    shape = [-1, 4] if how == "fraud" else [-1, 5]
                    contract = {"inputs": [{"name": "x", "datatype": "FP32", "shape": shape}], "outputs": []}
                    if how in ("fraud", "wider"): return self.answer(200, json.dumps(contract).encode())
                    if how == "redirect": return self.answer(302, b"", {"Location": "/v2/models/fraud"})
                    if how == "missing": return self.answer(404, b"")
                    if how == "broken": return self.answer(500, b"{}")
                    if how == "garbage": return self.answer(200, b"<html>")
                    if how == "large": return self.answer(200, b"x" * (2 << 20))
                    if how == "hang": time.sleep(3600)
                    if how == "slow":
                        self.send_response(200)
                        self.send_header("Content-Length", "1000")
                        self.end_headers()
                        self.wfile.write(b"{")
                        self.wfile.flush()
                        time.sleep(3600)

            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            server.handle_error = lambda *arguments: None
            threading.Thread(target=server.serve_forever, daemon=True).start()
            print(server.server_address[1], flush=True)
            sys.stdin.read()
            os._exit(0)
            """#
    }

    private let server: Server

    init() throws { server = try Server() }

    private func read(
        _ path: String? = nil, stable: String?? = nil, candidate: String?? = nil, timeout: Duration = .seconds(30)
    ) async -> ContractAnswer {
        let inquiry = CheckFixture.inquiry(candidate: candidate ?? server.address, stable: stable ?? server.address)
        return await ContractReader(timeout: timeout).read(inquiry, ContractGate(path: path))
    }

    @Test("is read from both sides, at the protocol's path for the deployment's name")
    func both() async {
        let contract = ModelContract(inputs: [.init(name: "x", datatype: "FP32", shape: [-1, 4])], outputs: [])
        #expect(await read() == .read(stable: contract, candidate: contract))
    }

    @Test("is read at the gate's own path, where it has one")
    func path() async {
        let contract = ModelContract(inputs: [.init(name: "x", datatype: "FP32", shape: [-1, 5])], outputs: [])
        #expect(await read("/other/wider") == .read(stable: contract, candidate: contract))
    }

    @Test(
        "that cannot be read gives an error with the side, the place, the reason and advice",
        arguments: [
            ("redirect", "redirects (302), and redirects are not followed: set `path` to the final path"),
            ("missing", "does not exist (404): set `path` to where the server has the model's metadata"),
            ("broken", "answered 500: check the server's log"), ("garbage", "is not JSON"),
            ("large", "cannot be read: the answer has more than 1 MiB: narrow the query"),
        ])
    func unreadable(how: String, words: String) async {
        let place = "http://\(server.address)/\(how) \(words)"
        #expect(await read("/\(how)") == .unreadable("stable: \(place); candidate: \(place)"))
    }

    @Test("that does not arrive in time, or only in part, is given up", arguments: ["hang", "slow"])
    func late(how: String) async {
        let place = "http://\(server.address)/\(how) cannot be read: no answer within 0.5 s"
        let answer = await read("/\(how)", timeout: .milliseconds(500))
        #expect(answer == .unreadable("stable: \(place); candidate: \(place)"))
    }

    @Test("of a server that does not exist cannot be read")
    func refused() async {
        // Nothing listens on port 9 (discard) of loopback.
        #expect(
            await read(candidate: "127.0.0.1:9")
                == .unreadable("candidate: http://127.0.0.1:9/v2/models/fraud cannot be read: connection refused"))
    }

    @Test("needs a stable revision, and a ready instance of each side")
    func absent() async {
        #expect(await read(stable: .some(nil)) == .unreadable("there is no stable revision to compare with"))
        #expect(await read(candidate: .some(nil)) == .unreadable("candidate has no ready instance"))
    }
}
