import ControlPorts
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Serving
import Synchronization
import Testing

@testable import Notifications

@Suite("A webhook", .timeLimit(.minutes(10)))
struct WebhookNotifierTests {
    struct Unreachable: Error {}

    /// Answers in turn, and then repeats the last answer. Nil: the receiver cannot be reached.
    private final class Receiver: Sendable {
        let answers: [Int?]
        let requests = Mutex<[WebhookRequest]>([])
        let waits = Mutex<[Duration]>([])

        init(_ answers: [Int?]) { self.answers = answers }

        func notifier() throws -> WebhookNotifier {
            try WebhookNotifier(
                url: "https://hooks.example.com/secret-path",
                secret: WebhookSecret(Data("0123456789abcdef".utf8)),
                now: { Date(timeIntervalSince1970: Double(1_000 + self.requests.withLock { $0.count })) },
                sleep: { wait in self.waits.withLock { $0.append(wait) } },
                transport: { request in
                    let nth = self.requests.withLock {
                        $0.append(request)
                        return $0.count - 1
                    }
                    guard let status = self.answers[min(nth, self.answers.count - 1)] else { throw Unreachable() }
                    return status
                })
        }
    }

    private func header(_ name: String, _ request: WebhookRequest) -> String? {
        request.headers.first { $0.name == name }?.value
    }

    @Test("is delivered by a 2xx answer", arguments: [200, 202, 204])
    func delivered(status: Int) async throws {
        let receiver = Receiver([status])
        try await receiver.notifier().notify(.rolledBack())
        #expect(receiver.requests.withLock { $0.count } == 1)
        #expect(receiver.waits.withLock { $0 } == [])
    }

    @Test("is retried with growing delays after a temporary failure, with the same delivery id and a new signature")
    func retried() async throws {
        let receiver = Receiver([nil, 503, 429, 200])
        try await receiver.notifier().notify(.rolledBack())
        #expect(receiver.waits.withLock { $0 } == WebhookNotifier.retryDelays)
        let requests = receiver.requests.withLock { $0 }
        #expect(requests.map { header("X-Mlctl-Delivery", $0) } == ["42", "42", "42", "42"])
        #expect(requests.map { header("X-Mlctl-Timestamp", $0) } == ["1000", "1001", "1002", "1003"])
        #expect(Set(requests.map { header("X-Mlctl-Signature", $0) }).count == 4)
    }

    @Test("is given up after a bounded number of attempts, with the last reason, and without the path")
    func givenUp() async throws {
        let receiver = Receiver([nil, 500])
        let error = await #expect(throws: NotificationError.self) {
            try await receiver.notifier().notify(.rolledBack())
        }
        #expect(error?.code == .undelivered)
        #expect(error?.retryClass == .transient)
        #expect(error?.message.contains("it answered 500") == true)
        #expect(error?.message.contains("secret-path") == false)
        #expect(receiver.requests.withLock { $0.count } == 4)
    }

    @Test("is refused by any other answer, at the first attempt", arguments: [301, 307, 400, 401, 404, 410])
    func refused(status: Int) async throws {
        let receiver = Receiver([status])
        let error = await #expect(throws: NotificationError.self) {
            try await receiver.notifier().notify(.rolledBack())
        }
        #expect(error?.code == .refused)
        #expect(error?.retryClass == .terminal)
        #expect(error?.message.contains("\(status)") == true)
        #expect(receiver.requests.withLock { $0.count } == 1)
    }

    @Test("ends its attempts when its task is cancelled")
    func cancelled() async throws {
        let notifier = try WebhookNotifier(
            url: "https://hooks.example.com", secret: WebhookSecret(Data("0123456789abcdef".utf8)), now: { Date() },
            sleep: { _ in
                withUnsafeCurrentTask { $0?.cancel() }
                try Task.checkCancellation()
            }, transport: { _ in 503 })
        let task = Task { try await notifier.notify(.rolledBack()) }
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    // MARK: Over a socket

    @Test("arrives over a socket unchanged")
    func live() async throws {
        try await LoopbackServer.with(statuses: [200]) { server in
            let secret = try WebhookSecret(Data("0123456789abcdef".utf8))
            let sentAt = Date(timeIntervalSince1970: 1_795_167_000)
            let url = "http://127.0.0.1:\(server.port)/hook"
            try await WebhookNotifier(url: url, secret: secret, now: { sentAt }).notify(.rolledBack())
            let built = try WebhookRequest(
                .rolledBack(), to: WebhookAddress(url), secret: secret, sentAt: sentAt)
            let received = try #require(server.received.withLock { $0 }.first)
            #expect(received.line == "POST /hook")
            #expect(received.body == built.body)
            for header in built.headers { #expect(received.headers[header.name] == [header.value]) }
        }
    }

    @Test("does not follow a redirect")
    func redirect() async throws {
        try await LoopbackServer.with(statuses: [307]) { server in
            let notifier = try WebhookNotifier(
                url: "http://127.0.0.1:\(server.port)/hook", secret: WebhookSecret(Data("0123456789abcdef".utf8)))
            let error = await #expect(throws: NotificationError.self) { try await notifier.notify(.rolledBack()) }
            #expect(error?.code == .refused)
            #expect(server.received.withLock { $0.count } == 1)
        }
    }

    @Test("counts an unreachable receiver as a failed attempt")
    func nobodyListens() async throws {
        let port = try await LoopbackServer.with(statuses: [200]) { $0.port }
        let waits = Mutex<[Duration]>([])
        let notifier = try WebhookNotifier(
            url: "http://127.0.0.1:\(port)/hook", secret: WebhookSecret(Data("0123456789abcdef".utf8)),
            sleep: { wait in waits.withLock { $0.append(wait) } })
        let error = await #expect(throws: NotificationError.self) { try await notifier.notify(.rolledBack()) }
        #expect(error?.code == .undelivered)
        #expect(waits.withLock { $0 } == WebhookNotifier.retryDelays)
    }
}

/// Answers in turn with these statuses, and keeps the requests.
private final class LoopbackServer: Sendable {
    struct Received: Sendable {
        var line: String
        var headers: HTTPHeaders
        var body = Data()
    }

    let port: Int
    let received: Mutex<[Received]>

    private init(port: Int) {
        self.port = port
        received = Mutex([])
    }

    static func with<Result>(statuses: [Int], _ body: (LoopbackServer) async throws -> Result) async throws -> Result {
        let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .bind(host: "127.0.0.1", port: 0) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    return try NIOAsyncChannel<HTTPServerRequestPart, HTTPServerResponsePart>(
                        wrappingChannelSynchronously: channel)
                }
            }
        let server = LoopbackServer(port: listener.channel.localAddress?.port ?? 0)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await listener.executeThenClose { connections in
                    for try await connection in connections { try await server.answer(connection, statuses) }
                }
            }
            let result = try await body(server)
            group.cancelAll()
            return result
        }
    }

    private func answer(
        _ connection: NIOAsyncChannel<HTTPServerRequestPart, HTTPServerResponsePart>, _ statuses: [Int]
    ) async throws {
        try await connection.executeThenClose { inbound, outbound in
            var request: Received?
            for try await part in inbound {
                switch part {
                case .head(let head): request = Received(line: "\(head.method) \(head.uri)", headers: head.headers)
                case .body(let bytes): request?.body.append(contentsOf: bytes.readableBytesView)
                case .end:
                    guard let whole = request else { return }
                    let nth = received.withLock {
                        $0.append(whole)
                        return $0.count - 1
                    }
                    let head = HTTPResponseHead(
                        version: .http1_1, status: .init(statusCode: statuses[min(nth, statuses.count - 1)]),
                        headers: [
                            "location": "http://127.0.0.1:\(port)/elsewhere", "content-length": "0",
                            "connection": "close",
                        ])
                    try await outbound.write(.head(head))
                    try await outbound.write(.end(nil))
                    return
                }
            }
        }
    }
}
