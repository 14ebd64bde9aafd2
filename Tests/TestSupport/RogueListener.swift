import Foundation
import NIOCore
import NIOPosix
import Synchronization

/// A program that has taken a controller's port. It records what it receives, and sends any answer.
package final class RogueListener: Sendable {
    private struct State {
        var received = ""
        var answer = RogueListener.answers[0]
        var givesChallenges = false
        var connections = 0
    }

    private let state = Mutex(State())
    private let channel = Mutex<(any Channel)?>(nil)

    /// Answers that a program might send to get more out of a client.
    package static let answers: [String] = [
        answer(200, body: #"{"sources": [], "sites": [], "deployments": []}"#),
        answer(401, body: #"{"error": {"code": "unauthorized", "message": "say it"}}"#, ["www-authenticate: Bearer"]),
        answer(
            401, body: #"{"error": {"code": "unauthorized", "message": "say it"}}"#,
            ["www-authenticate: Basic realm=\"mlctl\"", "mlctl-challenge: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]),
        answer(302, body: "", ["location: /api/v1/deployments"]),
        answer(407, body: "", ["proxy-authenticate: Bearer"]),
        answer(202, body: "{}", ["mlctl-proof: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]),
        "220 smtp.example.com ESMTP\r\n",
    ]

    package static func answer(_ status: Int, body: String, _ headers: [String] = []) -> String {
        let lines = ["HTTP/1.1 \(status) X", "content-type: application/json", "content-length: \(body.utf8.count)"]
        return (lines + headers).joined(separator: "\r\n") + "\r\n\r\n" + body
    }

    package var port: Int { channel.withLock { $0?.localAddress?.port ?? 0 } }

    package var received: String { state.withLock { $0.received } }
    package var connections: Int { state.withLock { $0.connections } }

    package var answer: String {
        get { state.withLock { $0.answer } }
        set { state.withLock { $0.answer = newValue } }
    }

    /// Whether it answers a request for a challenge as a controller does. `answer` is sent for what follows.
    package var givesChallenges: Bool {
        get { state.withLock { $0.givesChallenges } }
        set { state.withLock { $0.givesChallenges = newValue } }
    }

    private init() {}

    /// - Parameter port: 0: any free port.
    package static func run<Value>(
        port: Int = 0, _ body: (RogueListener) async throws -> Value
    ) async throws -> Value {
        let rogue = RogueListener()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Recorder(rogue))
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        rogue.channel.withLock { $0 = channel }
        do {
            let value = try await body(rogue)
            await rogue.leave()
            return value
        } catch {
            await rogue.leave()
            throw error
        }
    }

    /// Releases the port.
    package func leave() async { try? await channel.withLock { $0 }?.close() }

    private final class Recorder: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let rogue: RogueListener
        private var request = ""

        init(_ rogue: RogueListener) { self.rogue = rogue }

        func channelActive(context: ChannelHandlerContext) { rogue.state.withLock { $0.connections += 1 } }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let text = String(buffer: unwrapInboundIn(data))
            rogue.state.withLock { $0.received += text }
            request += text
            guard request.contains("\r\n\r\n") else { return }
            let isChallenge = request.hasPrefix("GET /api/v1/challenge")
            request = ""
            let answer = isChallenge && rogue.givesChallenges ? RogueListener.answers[2] : rogue.answer
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
        }
    }
}
