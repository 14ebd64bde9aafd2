import Foundation
import ModelManifests
import Serving
import TestSupport
import Testing

@testable import LocalServing

@Suite("A pod's companion beside a server", .serialized, .timeLimit(.minutes(10)))
struct PodCompanionTests {
    /// Answers POSTs with the status in the file named by its second argument, and writes their bodies to `posts` in that folder.
    private static let server = """
        import http.server, socket, sys
        folder = sys.argv[2]
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self): self.reply(200)
            def do_POST(self):
                body = self.rfile.read(int(self.headers['Content-Length'])).decode()
                with open(folder + '/posts', 'a') as posts: posts.write(self.path + ' ' + body + '\\n')
                self.reply(int(open(folder + '/code').read()))
            def reply(self, code):
                self.send_response(code); self.send_header('Content-Length', '0'); self.end_headers()
            def log_message(self, *words): pass
        class Server(http.server.HTTPServer): allow_reuse_address = True
        Server(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
        """

    private struct Place {
        let state = Result { try TestState() }
        var folder: String { get throws { try state.get().state.path + "/model" } }

        func write(_ name: String, _ text: String) throws { _ = try state.get().writeFile("model/\(name)", text) }
        var posts: [String] {
            get throws {
                let text = (try? String(contentsOfFile: folder + "/posts", encoding: .utf8)) ?? ""
                return text.split(separator: "\n").map { String($0) }
            }
        }

        func server(port: Int) throws -> TestSupport.ChildProcess {
            try TestSupport.ChildProcess(["python3", "-c", PodCompanionTests.server, String(port), folder])
        }
    }

    private func configuration(_ place: Place, port: Int) throws -> PodCompanion.Configuration {
        PodCompanion.Configuration(
            folder: try place.folder, serverPort: port, readiness: (port, "/ready"),
            warmup: Warmup(file: "warmup.jsonl", path: "/infer"), recordings: "recorded.jsonl", address: "127.0.0.1",
            port: 0)
    }

    /// - Parameter body: receives the companion's port.
    private func withCompanion(
        _ configuration: PodCompanion.Configuration, _ body: @escaping @Sendable (Int) async throws -> Void
    ) async throws {
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await PodCompanion(configuration).run { port.yield($0) } }
            group.addTask {
                for await number in ports {
                    try await body(number)
                    return
                }
            }
            try await group.next()
            group.cancelAll()
        }
    }

    private static func get(_ port: Int, _ path: String) throws -> (status: Int, body: String) {
        let text = try TestSupport.ChildProcess.run(
            ["curl", "-s", "-m", "5", "-w", " %{http_code}", "http://127.0.0.1:\(port)\(path)"])
        let status = text.split(separator: " ").last ?? ""
        return (Int(status) ?? 0, String(text.dropLast(status.count + 1)))
    }

    private static func wait(_ what: String, until isSo: () throws -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while try !isSo() {
            try #require(ContinuousClock.now < deadline, "\(what)")
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    @Test("is ready once the server has answered the requests, and again after a new server has")
    func warms() async throws {
        let place = Place()
        try place.write("code", "200")
        try place.write("warmup.jsonl", "{\"a\": 1}\n{\"path\": \"/other\", \"body\": [2]}\n")
        var random = SystemRandomNumberGenerator()
        let claim = try PortClaim.claim(using: &random)
        let port = claim.port
        defer { withExtendedLifetime(claim) {} }
        try await withCompanion(configuration(place, port: port)) { own in
            #expect(try Self.get(own, CompanionPort.readyPath).status == 503)
            let played = ["/infer {\"a\": 1}", "/other [2]"]
            do {
                let server = try place.server(port: port)
                try await Self.wait("ready") { try Self.get(own, CompanionPort.readyPath).status == 200 }
                #expect(try place.posts == played)
                server.stop()
            }
            try await Self.wait("cold") { try Self.get(own, CompanionPort.readyPath).status == 503 }
            let server = try place.server(port: port)
            try await Self.wait("ready again") { try Self.get(own, CompanionPort.readyPath).status == 200 }
            #expect(try place.posts == played + played)
            server.stop()
        }
    }

    @Test("ends with the reason if the server never answers them well")
    func fails() async throws {
        let place = Place()
        try place.write("code", "500")
        try place.write("warmup.jsonl", "{}\n")
        var random = SystemRandomNumberGenerator()
        let claim = try PortClaim.claim(using: &random)
        let port = claim.port
        defer { withExtendedLifetime(claim) {} }
        let server = try place.server(port: port)
        defer { server.stop() }
        let error = await #expect(throws: CompanionError.self) {
            try await PodCompanion(configuration(place, port: port)).run()
        }
        #expect(error?.code == .warmupFailed)
        #expect(error?.message.contains("got status 500") == true)
        #expect(try place.posts.count == CompanionMachine.mostAttempts)
    }

    @Test("a file that is missing, or leads out of the folder, is reported at once")
    func invalid() async throws {
        let place = Place()
        try place.write("code", "200")
        for (file, words) in [("warmup.jsonl", "is not in the model's folder"), ("../../x", "leads out of")] {
            var configuration = try configuration(place, port: 1)
            configuration.warmup?.file = file
            let companion = PodCompanion(configuration)
            let error = await #expect(throws: CompanionError.self) { try await companion.run() }
            #expect(error?.code == .invalidRequests)
            #expect(error?.message.contains(words) == true)
        }
    }

    @Test("recorded requests are shown unchanged, and missing ones are reported")
    func recordings() async throws {
        let place = Place()
        try place.write("warmup.jsonl", "{}\n")
        try await withCompanion(configuration(place, port: 1)) { own in
            let missing = try Self.get(own, CompanionPort.recordingsPath)
            #expect(missing.status == 404)
            #expect(missing.body.contains("recorded.jsonl does not exist"))
            try place.write("recorded.jsonl", "{\"x\": 1}\n")
            let found = try Self.get(own, CompanionPort.recordingsPath)
            #expect(found.status == 200)
            #expect(found.body == "{\"x\": 1}\n")
            #expect(try Self.get(own, "/etc/passwd").status == 404)
        }
    }
}
