import Dispatch
import Foundation
import Testing

@testable import InferenceServer

@Suite("The server over real sockets", .timeLimit(.minutes(10)))
struct InferenceServerTests {
    static let path = "/v2/models/biopsy-screen/infer"

    /// Version 3 has no answer: an area of 4 is larger than that of a circle with radius 1.
    static let unscorable: String = {
        var row = [Double](repeating: 1, count: 30)
        row[3] = 4
        return #"{"inputs":[{"name":"x","shape":[1,30],"datatype":"FP64","data":\#(row)}]}"#
    }()

    /// Serves the demo's model while `body` runs, then stops and checks that the server ends without an error.
    private func serving(
        _ version: String = "v1", limits: ServerLimits = ServerLimits(), stopSignals: [Int32] = [],
        report: @escaping @Sendable (String) -> Void = { _ in },
        _ body: (InferenceServer.Listening, _ stop: @escaping @Sendable () -> Void) async throws -> Void
    ) async throws {
        var configuration = InferenceServer.Configuration(modelFile: DemoFiles.model(version))
        configuration.limits = limits
        configuration.stopSignals = stopSignals
        configuration.report = report
        let server = InferenceServer(configuration: configuration)
        let (listening, continuation) = AsyncStream.makeStream(of: InferenceServer.Listening.self)
        let running = Task {
            defer { continuation.finish() }
            try await server.run { continuation.yield($0) }
        }
        let outcome: Result<Void, any Error>
        do {
            if let place = await listening.first(where: { _ in true }) { try await body(place) { running.cancel() } }
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        running.cancel()
        try await running.value
        try outcome.get()
    }

    @Test("it answers metadata, health and inference requests on one connection")
    func conversation() async throws {
        try await serving { server, _ in
            #expect(server.modelName == "biopsy-screen" && server.modelVersion == "1")
            let client = try RawClient(port: server.port)
            for path in ["/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/biopsy-screen/ready"] {
                try client.get(path)
                #expect(try await client.response()?.status == 200, "\(path)")
            }
            try client.get("/v2/models/biopsy-screen")
            let metadata = try #require(try await client.response())
            #expect(metadata.body.contains(#""inputs":[{"datatype":"FP64","name":"input","shape":[-1,30]}]"#))
            try client.post(Self.path, try #require(DemoFiles.requests().first))
            let answer = try #require(try await client.response())
            #expect(answer.status == 200 && answer.body.contains(#""id":"run-1""#))
            #expect(answer.headers["content-type"] == "application/json")
        }
    }

    @Test("every request of the demo's load is answered and counted")
    func load() async throws {
        try await serving("v3") { server, _ in
            let client = try RawClient(port: server.port)
            var statuses: [Int: Int] = [:]
            for request in try DemoFiles.requests() {
                try client.post(Self.path, request)
                statuses[try await client.response()?.status ?? 0, default: 0] += 1
            }
            #expect(Set(statuses.keys) == [200, 500])
            try client.get("/metrics")
            let metrics = try #require(try await client.response()).body
            for (status, count) in statuses {
                #expect(metrics.contains(#"version="3",code="\#(status)"} \#(count)"#), "\(metrics)")
            }
            #expect(metrics.contains("_in_flight{model=\"biopsy-screen\",version=\"3\"} 0"))
        }
    }

    @Test("a request that the model failed to answer is reported with its ID")
    func report() async throws {
        let (lines, continuation) = AsyncStream.makeStream(of: String.self)
        let report: @Sendable (String) -> Void = { continuation.yield($0) }
        try await serving("v3", report: report) { server, _ in
            let client = try RawClient(port: server.port)
            try client.post(Self.path, Self.unscorable, headers: "X-Request-Id: abc\r\n")
            #expect(try await client.response()?.status == 500)
            let line = await lines.first { _ in true }
            #expect(line?.hasPrefix("request abc: 500 ") == true, "\(line ?? "none")")
            #expect(line?.contains("feature 'log mean shortfall' is not a number") == true, "\(line ?? "none")")
        }
    }

    @Test("pipelined requests are answered in order")
    func pipelining() async throws {
        try await serving { server, _ in
            let client = try RawClient(port: server.port)
            let requests = try DemoFiles.requests().prefix(5)
            for request in requests { try client.post(Self.path, request) }
            for index in 1...5 {
                #expect(try await client.response()?.body.contains(#""id":"run-\#(index)""#) == true)
            }
        }
    }

    @Test("a body over the limit gets 413, chunked or not, and the connection is closed")
    func large() async throws {
        var limits = ServerLimits()
        limits.bodyBytes = 1_000
        try await serving(limits: limits) { server, _ in
            let announced = try RawClient(port: server.port)
            try announced.post(Self.path, String(repeating: "x", count: 1_001))
            let refused = try #require(try await announced.response())
            #expect(refused.status == 413 && refused.headers["connection"] == "close")
            #expect(try await announced.isClosedByServer())

            let chunked = try RawClient(port: server.port)
            let chunk = String(repeating: "x", count: 0x200)
            let head = "POST \(Self.path) HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
            try chunked.send(head + String(repeating: "200\r\n\(chunk)\r\n", count: 3) + "0\r\n\r\n")
            #expect(try await chunked.response()?.status == 413)
            #expect(try await chunked.isClosedByServer())
        }
    }

    @Test("a client that sends Expect: 100-continue gets 100 Continue")
    func expectation() async throws {
        try await serving { server, _ in
            let client = try RawClient(port: server.port)
            let body = try #require(DemoFiles.requests().first)
            try client.send(
                "POST \(Self.path) HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\n"
                    + "Content-Length: \(body.utf8.count)\r\n\r\n")
            #expect(try await client.response()?.status == 100)
            try client.send(body)
            #expect(try await client.response()?.status == 200)
        }
    }

    @Test(
        "input that is not HTTP gets 400, and the connection is closed",
        arguments: [
            "nonsense\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ])
    func malformed(text: String) async throws {
        try await serving { server, _ in
            let client = try RawClient(port: server.port)
            try client.send(text)
            #expect(try await client.response()?.status == 400)
            #expect(try await client.isClosedByServer())
        }
    }

    @Test(
        "a client that never finishes its head or its body is cut off",
        arguments: ["", "Content-Length: 9\r\n\r\nhalf"])
    func slowClient(rest: String) async throws {
        var limits = ServerLimits()
        limits.requestReadTimeout = .milliseconds(50)
        try await serving(limits: limits) { server, _ in
            let client = try RawClient(port: server.port)
            try client.send("POST \(Self.path) HTTP/1.1\r\nHost: t\r\n\(rest)")
            #expect(try await client.isClosedByServer())
        }
    }

    @Test("an idle connection is closed")
    func idle() async throws {
        var limits = ServerLimits()
        limits.idleTimeout = .milliseconds(50)
        try await serving(limits: limits) { server, _ in
            let client = try RawClient(port: server.port)
            try client.get("/v2/health/live")
            #expect(try await client.response()?.status == 200)
            #expect(try await client.isClosedByServer())
        }
    }

    @Test("connections beyond the limit are closed, and there is room again when one ends")
    func connections() async throws {
        var limits = ServerLimits()
        limits.connections = 1
        try await serving(limits: limits) { server, _ in
            do {
                let first = try RawClient(port: server.port)
                try first.get("/v2/health/live")
                #expect(try await first.response()?.status == 200)
                let second = try RawClient(port: server.port)
                #expect(try await second.isClosedByServer())
            }
            // The first connection has ended. The server notices a moment later.
            var served = false
            for _ in 0..<1_000 where !served {
                let next = try RawClient(port: server.port)
                try? next.get("/v2/health/live")
                let response = try? await next.response()
                served = response?.status == 200
            }
            #expect(served)
        }
    }

    /// Keeps the model busy: a failure is reported on the thread that scores, and waits there.
    private func holding(
        limits: ServerLimits = ServerLimits(),
        _ body: (InferenceServer.Listening, _ working: RawClient, Held, _ stop: @escaping @Sendable () -> Void)
            async throws
            -> Void
    ) async throws {
        let held = Held()
        defer { held.release() }
        let report: @Sendable (String) -> Void = { _ in held.wait() }
        try await serving("v3", limits: limits, report: report) { server, stop in
            let working = try RawClient(port: server.port)
            try working.post(Self.path, Self.unscorable)
            await held.reached()
            try await body(server, working, held, stop)
        }
    }

    @Test("the server reports that it is live while the model is busy")
    func liveness() async throws {
        try await holding { server, working, held, _ in
            let probe = try RawClient(port: server.port)
            try probe.get("/v2/health/live")
            #expect(try await probe.response()?.status == 200)
            try probe.get("/metrics")
            #expect(
                try await probe.response()?.body.contains(#"in_flight{model="biopsy-screen",version="3"} 1"#) == true)
            held.release()
            #expect(try await working.response()?.status == 500)
        }
    }

    @Test("requests over the queue's limit get 503")
    func busy() async throws {
        var limits = ServerLimits()
        limits.pendingInferences = 1
        try await holding(limits: limits) { server, working, held, _ in
            let second = try RawClient(port: server.port)
            try second.post(Self.path, Self.unscorable)
            #expect(try await second.response()?.status == 503)
            held.release()
            #expect(try await working.response()?.status == 500)
            try second.post(Self.path, Self.unscorable)
            #expect(try await second.response()?.status == 500)
        }
    }

    @Test("a stopping server finishes its requests, and closes idle connections")
    func stopping() async throws {
        try await holding { server, working, held, stop in
            let idle = try RawClient(port: server.port)
            try idle.get("/v2/health/live")
            #expect(try await idle.response()?.status == 200)
            stop()
            #expect(try await idle.isClosedByServer())
            #expect(throws: RawClient.Failure.self) { try RawClient(port: server.port) }
            held.release()
            let answer = try #require(try await working.response())
            #expect(answer.status == 500 && answer.headers["connection"] == "close")
            #expect(try await working.isClosedByServer())
        }
    }

    @Test("a signal stops it")
    func signal() async throws {
        // All tests run in one process. This one uses a signal that no other test handles.
        try await serving(stopSignals: [SIGUSR2]) { server, _ in
            let idle = try RawClient(port: server.port)
            try idle.get("/v2/health/live")
            #expect(try await idle.response()?.status == 200)
            kill(getpid(), SIGUSR2)
            #expect(try await idle.isClosedByServer())
        }
    }

    @Test("a stopping server cuts off requests that take too long")
    func cutOff() async throws {
        var limits = ServerLimits()
        limits.drainTimeout = .milliseconds(20)
        try await serving(limits: limits) { server, stop in
            let half = try RawClient(port: server.port)
            try half.send("POST \(Self.path) HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n")
            #expect(try await half.response()?.status == 100)
            stop()
            #expect(try await half.isClosedByServer())
        }
    }

    @Test("a port in use is an error that names it")
    func takenPort() async throws {
        try await serving { server, _ in
            var configuration = InferenceServer.Configuration(modelFile: DemoFiles.model("v1"), port: server.port)
            configuration.stopSignals = []
            let second = InferenceServer(configuration: configuration)
            let error = await #expect(throws: ListenError.self) { try await second.run() }
            #expect(error?.description.contains("127.0.0.1:\(server.port)") == true)
        }
    }

    @Test("an invalid model is an error before the server listens")
    func badModel() async throws {
        let server = InferenceServer(configuration: .init(modelFile: "/does/not/exist"))
        await #expect(throws: ModelFileError.self) { try await server.run() }
    }
}

/// Blocks a thread until it is released, once and for all.
private final class Held: Sendable {
    private let gate = DispatchSemaphore(value: 0)
    private let arrivals = AsyncStream.makeStream(of: Void.self)

    func wait() {
        arrivals.continuation.yield()
        if gate.wait(timeout: .now() + .seconds(60)) == .success { gate.signal() }
    }

    func reached() async { for await _ in arrivals.stream { break } }

    func release() { gate.signal() }
}
