import Analysis
import AsyncHTTPClient
import ControlPorts
import Foundation
import Logging
import ModelManifests
import Rollouts
import ServiceLifecycle
import Testing

@testable import ControlAPI

/// The server as any HTTP client sees it.
@Suite struct ControlServerTests {
    struct Answer {
        var status: Int
        var body: String
        var type: String?
    }

    static func ask(
        _ url: URL, _ path: String, method: String = "GET", body: String? = nil, headers: [(String, String)] = [],
        token: String? = Tokens.admin
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url.absoluteString + path)
        request.method = .init(rawValue: method)
        if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        for (name, value) in headers { request.headers.replaceOrAdd(name: name, value: value) }
        if let body { request.body = .bytes(Data(body.utf8)) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(120))
        let bytes = try await response.body.collect(upTo: 1 << 20)
        return Answer(
            status: Int(response.status.code), body: String(buffer: bytes),
            type: response.headers.first(name: "content-type"))
    }

    private static let one = "/api/v1/deployments/payments/fraud-scorer"

    static func surface() -> ScriptedSurface { ScriptedSurface { $0.status = Samples.status } }

    @Test("the status is JSON with the names that other programs depend on")
    func status() async throws {
        try await withServer(Self.surface()) { url async throws in
            let answer = try await Self.ask(url, "/api/v1/deployments")
            #expect(answer.status == 200 && answer.type == "application/json")
            #expect(try APICoding.decode(ControllerStatus.self, from: Data(answer.body.utf8)) == Samples.status)
        }
    }

    @Test(
        "errors are JSON with a code and a message, and have the right status",
        arguments: [
            ("GET", "/nowhere", nil, 404, "notFound"),
            ("GET", "/api/v1/deployments/payments/nobody", nil, 404, "notFound"),
            ("POST", one + "/promote/again", nil, 404, "notFound"),
            ("GET", one + "/promote", nil, 404, "notFound"),
            ("POST", one + "/resume", nil, 409, "conflict"),
            ("POST", one + "/pause", "[1]", 400, "invalid"),
            ("POST", one + "/pause", "{\"full\": true}", 400, "invalid"),
            ("POST", one + "/promote", "{\"to\": \"x\"}", 400, "invalid"),
            ("POST", one + "/promote", "{\"full\": \"yes\"}", 400, "invalid"),
            ("POST", "/api/v1/deployments/pay%2Fments/a%20b/pause", nil, 400, "invalid"),
            ("GET", one + "/logs?lines=0", nil, 400, "invalid"),
            ("GET", "/api/v1/events?limit=many", nil, 400, "invalid"),
            ("GET", "/api/v1/events?deployment=fraud-scorer", nil, 400, "invalid"),
            ("GET", "/api/v1/ancestor?commit=--upload-pack&of=b", nil, 400, "invalid"),
            ("GET", "/api/v1/ancestor?commit=a", nil, 400, "invalid"),
            ("GET", "/api/v1/ancestor?commit=unknown&of=b", nil, 404, "notFound"),
        ] as [(String, String, String?, Int, String)])
    func errors(method: String, path: String, body: String?, status: Int, code: String) async throws {
        try await withServer(Self.surface()) { url async throws in
            let answer = try await Self.ask(url, path, method: method, body: body)
            #expect(answer.status == status)
            let error = try APICoding.decode(ErrorAnswer.self, from: Data(answer.body.utf8)).error
            #expect(error.code == code && !error.message.isEmpty)
        }
    }

    @Test("a body over the limit is refused with 413")
    func tooLarge() async throws {
        let surface = Self.surface()
        try await withServer(surface) { url async throws in
            let body = String(repeating: " ", count: ControlRoutes.bodyBytes + 1)
            let answer = try await Self.ask(url, Self.one + "/pause", method: "POST", body: body)
            #expect(answer.status == 413 && answer.body.contains("tooLarge"))
        }
        #expect(surface.read { $0.commands }.isEmpty)
    }

    @Test("a hook's body may have any size, because it is not read")
    func largeHook() async throws {
        let surface = Self.surface()
        try await withServer(surface) { url async throws in
            let body = String(repeating: " ", count: ControlRoutes.bodyBytes * 4)
            #expect(try await Self.ask(url, "/api/v1/hooks/git", method: "POST", body: body).status == 202)
            try await eventually { surface.read { $0.looks } == 1 }
        }
    }

    @Test("outcomes are accepted, refused one by one, or refused as a whole")
    func outcomes() async throws {
        let surface = Self.surface()
        try await withServer(surface) { url async throws in
            let batch = #"[{"requestId": "a", "correct": 1}, {"requestId": "b", "correct": -1}, {"requestId": "c"}]"#
            let answer = try await Self.ask(url, "/api/v1/outcomes", method: "POST", body: batch)
            #expect(answer.status == 200)
            let receipt = try APICoding.decode(OutcomeReceipt.self, from: Data(answer.body.utf8))
            #expect(receipt.accepted == 1 && receipt.refused == 2)
            #expect(receipt.refusals.map(\.requestId) == ["c", "b"])
            let lines = try await Self.ask(
                url, "/api/v1/outcomes", method: "POST", body: "{\"requestId\": \"d\", \"correct\": true}\nx\n",
                headers: [("content-type", "application/x-ndjson")])
            #expect(lines.status == 200 && lines.body.contains(#""accepted":1,"refusals":[{"#))
            #expect(try await Self.ask(url, "/api/v1/outcomes", method: "POST", body: "garbage").status == 400)
            #expect(try await Self.ask(url, "/api/v1/outcomes").status == 404)
        }
        #expect(surface.read { $0.outcomes }.map(\.requestId) == ["a", "d"])
    }

    @Test("a batch of outcomes may be larger than other bodies, up to its own limit")
    func largeOutcomes() async throws {
        let surface = Self.surface()
        try await withServer(surface) { url async throws in
            let padded = #"{"requestId": "a", "correct": 1}"# + String(repeating: " ", count: ControlRoutes.bodyBytes)
            #expect(try await Self.ask(url, "/api/v1/outcomes", method: "POST", body: padded).status == 200)
            let over = String(repeating: " ", count: APILimits.outcomeBytes + 1)
            let answer = try await Self.ask(url, "/api/v1/outcomes", method: "POST", body: over)
            #expect(answer.status == 413 && answer.body.contains("send it in parts"))
        }
    }

    @Test("outcomes need a token, like everything that changes something")
    func outcomesWithToken() async throws {
        let surface = Self.surface()
        try await withServer(surface) { url async throws in
            let body = #"{"requestId": "a", "correct": 1}"#
            #expect(try await Self.ask(url, "/api/v1/outcomes", method: "POST", body: body, token: nil).status == 401)
            #expect(
                try await Self.ask(url, "/api/v1/outcomes", method: "POST", body: body, token: Tokens.viewer).status
                    == 403)
            #expect(try await Self.ask(url, "/api/v1/outcomes", method: "POST", body: body).status == 200)
        }
        #expect(surface.read { $0.outcomes }.count == 1)
    }

    @Test("the number of batches of outcomes that are read at once is limited")
    func outcomeBatches() async throws {
        let batches = BodyAdmission.ofOutcomes()
        func nest(_ depth: Int) async throws -> Int {
            try await batches.reading { depth == 0 ? 0 : 1 + (try await nest(depth - 1)) }
        }
        #expect(try await nest(APILimits.outcomeBatchesAtOnce - 1) == APILimits.outcomeBatchesAtOnce - 1)
        await #expect(throws: ControlError.self) { try await nest(APILimits.outcomeBatchesAtOnce) }
        #expect(try await nest(1) == 1)
    }

    @Test("explanations and readings can be requested")
    func evidence() async throws {
        let identity = RecordedRollout.Identity(
            deployment: Samples.key, revision: Revision(rawValue: "bbbbbbbbbb"), version: "3", startedAt: Samples.now)
        let readings = (1...3).map { position in
            RecordedReading(
                position: position, t: Double(position), stable: SideCounts(requests: position * 3),
                candidate: SideCounts(requests: position, latency: [1], bounds: [0.1], named: ["tokens": 0.5]))
        }
        let surface = ScriptedSurface {
            $0.status = Samples.status
            $0.rollouts = [RecordedRollout(number: 7, identity: identity, readings: 3)]
            $0.readings = readings
        }
        try await withServer(surface) { url async throws in
            let client = try client(url)
            #expect(try await client.explanation(of: Samples.key).status == Samples.deployment)
            let kept = try await client.recordedRollouts(of: Samples.key)
            #expect(kept.map(\.identity) == [identity])
            let rollout = try #require(kept.first)
            #expect(try await client.recordedReadings(of: rollout, after: 1) == Array(readings[1...]))
            #expect(try await client.report(outcomes: #"{"requestId": "a", "correct": 1}"#).accepted == 1)
            let parent = Self.one + "/readings"
            for path in ["\(parent)/x", "\(parent)/7?limit=0", "\(parent)/7?after=-1"] {
                #expect(try await Self.ask(url, path).status == 400)
            }
        }
    }

    @Test("the audit trail comes in pages, whole, and only for callers who may see everything")
    func audit() async throws {
        let surface = Self.surface()
        let key = DeploymentKey(namespace: "payments", name: "fraud")
        surface.read { state in
            state.audit = (1...5).map {
                AuditEntry(id: $0, deployment: key, previous: "", body: "{\"n\":\($0)}", link: "l")
            }
        }
        try await withServer(surface) { url async throws in
            let found = try await client(url, Tokens.viewer).auditEntries(after: 2, limit: 2)
            #expect(found.map(\.id) == [3, 4] && found.first?.body == "{\"n\":3}")
            await #expect(throws: ControlClientError.self) {
                _ = try await client(url, Tokens.limited).auditEntries(after: 0, limit: 2)
            }
            #expect(try await Self.ask(url, "/api/v1/audit?limit=0").status == 400)
        }
    }

    @Test("a git server's hook is answered at once, and then git is checked")
    func gitHook() async throws {
        let surface = Self.surface()
        try await withServer(surface) { url async throws in
            let answer = try await Self.ask(
                url, "/api/v1/hooks/git", method: "POST", body: #"{"ref": "refs/heads/main"}"#,
                headers: [("x-github-event", "push")])
            #expect(answer.status == 202)
            try await eventually { surface.read { $0.looks } == 1 }
        }
    }

    @Test("a failed check of git after a hook does not end the server")
    func failingHook() async throws {
        let surface = ScriptedSurface { $0.syncFailure = ControlError(.unavailable, "git is away") }
        try await withServer(surface) { url async throws in
            _ = try await Self.ask(url, "/api/v1/hooks/git", method: "POST")
            try await eventually { surface.read { $0.looks } == 1 }
            #expect(try await Self.ask(url, "/healthz").status == 200)
        }
    }

    @Test("probes and metrics are plain text")
    func probes() async throws {
        let surface = ScriptedSurface { $0.isReady = false }
        try await withServer(surface) { url async throws in
            #expect(try await Self.ask(url, "/healthz").body == "ok\n")
            let notYet = try await Self.ask(url, "/readyz")
            #expect(notYet.status == 503 && notYet.body.contains("first check of git"))
            surface.read { $0.isReady = true }
            #expect(try await Self.ask(url, "/readyz").status == 200)
            let metrics = try await Self.ask(url, "/metrics")
            #expect(
                metrics.body == "mlctl_deployments 1\n" && metrics.type?.hasPrefix("text/plain; version=0.0.4") == true)
            #expect(try await Self.ask(url, "/").body.contains("<title>Fleet"))
            #expect(try await Self.ask(url, "/healthz", method: "HEAD").status == 200)
        }
    }

    @Test("a request with a foreign Host or Origin, or without a token, changes nothing")
    func guarded() async throws {
        let surface = Self.surface()
        let own = TokenRegistry(Tokens.keys(isShared: false))
        try await withServer(surface, register: own) { url async throws in
            let rebound = try await Self.ask(url, "/api/v1/deployments", headers: [("host", "evil.example")])
            let crossSite = try await Self.ask(
                url, Self.one + "/pause", method: "POST", headers: [("origin", "http://evil.example")])
            #expect(rebound.status == 403 && crossSite.status == 403)
        }
        try await withServer(surface) { url async throws in
            #expect(try await Self.ask(url, Self.one + "/pause", method: "POST", token: nil).status == 401)
            #expect(try await Self.ask(url, "/healthz", token: nil).status == 200)
        }
        #expect(surface.read { $0.commands }.isEmpty)
    }

    @Test("the event stream sends its position, catches up, and continues")
    func eventStream() async throws {
        let surface = Self.surface()
        surface.append(.deployed, on: Samples.key)
        surface.append(.rolloutStarted, on: Samples.key)
        try await withServer(surface, heartbeat: .milliseconds(20)) { url async throws in
            var request = HTTPClientRequest(url: url.absoluteString + "/api/v1/events")
            request.headers.add(name: "accept", value: "text/event-stream")
            request.headers.add(name: "authorization", value: "Bearer \(Tokens.admin)")
            request.headers.add(name: "last-event-id", value: "1")
            let response = try await HTTPClient.shared.execute(request, timeout: .seconds(120))
            #expect(response.headers.first(name: "content-type") == "text/event-stream")
            var text = ""
            var isSent = false
            for try await chunk in response.body {
                text += String(buffer: chunk)
                if !isSent, text.contains("id: 2\nevent: rolloutStarted\ndata: {") {
                    surface.append(.promoted, on: Samples.key)
                    isSent = true
                }
                if text.contains("id: 3\nevent: promoted"), text.contains(": alive") { break }
            }
            #expect(text.hasPrefix("id: 1\n\n") && !text.contains("event: deployed"))
        }
    }

    @Test("a graceful shutdown ends event streams and returns")
    func shutdown() async throws {
        let (addresses, continuation) = AsyncStream.makeStream(of: ListenAddress.self)
        let surface = Self.surface()
        let server = try ControlServer(
            surface: surface, listeners: .init(api: ListenAddress(port: 0)), register: TokenRegistry(Tokens.keys()),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, onListening: { continuation.yield($0) })
        let group = ServiceGroup(services: [server], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        async let running: Void = group.run()
        let address = try #require(await addresses.first { _ in true })
        var request = HTTPClientRequest(url: "http://\(address)/api/v1/events")
        request.headers.add(name: "accept", value: "text/event-stream")
        request.headers.add(name: "authorization", value: "Bearer \(Tokens.admin)")
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(120))
        try await eventually { surface.readers == 1 }
        await group.triggerGracefulShutdown()
        for try await _ in response.body {}
        try await running
        #expect(surface.readers == 0)
    }

    @Test("a reader that disconnects is released")
    func leavingReader() async throws {
        let surface = Self.surface()
        try await withServer(surface) { url async throws in
            let reader = Task {
                for try await _ in try client(url).eventStream() {}
            }
            try await eventually { surface.readers == 1 }
            reader.cancel()
            try await eventually { surface.readers == 0 }
        }
    }

    @Test(
        "a caller's event streams are limited, other callers have their own limit, and a closed stream frees its seat")
    func readerLimit() async throws {
        let surface = Self.surface()
        try await withServer(surface) { url async throws in
            let readers = (0..<EventStreams.readersOfCaller).map { _ in
                Task { for try await _ in try client(url).eventStream() {} }
            }
            try await eventually { surface.readers == EventStreams.readersOfCaller }
            let refused = await #expect(throws: ControlError.self) {
                for try await _ in try client(url).eventStream() {}
            }
            #expect(refused?.code == .unavailable && refused?.message.contains("'root-of-all'") == true)
            let other = Task { for try await _ in try client(url, Tokens.viewer).eventStream() {} }
            try await eventually { surface.readers == EventStreams.readersOfCaller + 1 }
            for reader in readers + [other] { reader.cancel() }
            try await eventually { surface.readers == 0 }
            let late = Task { for try await _ in try client(url).eventStream() {} }
            try await eventually { surface.readers == 1 }
            late.cancel()
        }
    }
}
