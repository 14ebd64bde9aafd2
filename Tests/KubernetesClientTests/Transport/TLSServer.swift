import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

enum Fixture {
    static func path(_ name: String) -> String {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/\(name)").path(percentEncoded: false)
    }

    static func data(_ name: String) throws -> Data { try Data(contentsOf: URL(filePath: path(name))) }
}

/// An HTTP/1.1 server with TLS on the loopback interface. The test gives its answers.
final class TLSServer: Sendable {
    struct Seen: Sendable {
        var target: String
        var headers: [String: String]
    }

    enum Reply: Sendable {
        case whole(Int, String, headers: [String: String] = [:])
        /// Pieces of the answer. After them it stays silent.
        case pieces([String])
        case silence
        case close
    }

    let port: Int
    private let channel: any Channel
    private let log: Log

    var seen: [Seen] { log.seen.withLock { $0 } }
    var connectionCount: Int { log.accepted.withLock { $0 } }

    init(
        certificate: String = "server", wantsClient: Bool = false, _ reply: @escaping @Sendable (Seen, Int) -> Reply
    ) async throws {
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(Fixture.path("\(certificate).crt")).map {
                .certificate($0)
            },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: Fixture.path("\(certificate).key"), format: .pem)))
        if wantsClient {
            tls.certificateVerification = .noHostnameVerification
            tls.trustRoots = .file(Fixture.path("ca.crt"))
        }
        let context = try NIOSSLContext(configuration: tls)
        let log = Log()
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    log.accepted.withLock { $0 += 1 }
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(NIOSSLServerHandler(context: context))
                    try pipeline.configureHTTPServerPipeline()
                    try pipeline.addHandler(Answering(log: log, reply: reply))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
        self.log = log
    }

    fileprivate final class Log: Sendable {
        let seen = Mutex<[Seen]>([])
        let accepted = Mutex(0)
    }

    func stop() { channel.close(promise: nil) }
}

private final class Answering: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let log: TLSServer.Log
    private let reply: @Sendable (TLSServer.Seen, Int) -> TLSServer.Reply
    private var request: TLSServer.Seen?

    init(log: TLSServer.Log, reply: @escaping @Sendable (TLSServer.Seen, Int) -> TLSServer.Reply) {
        self.log = log
        self.reply = reply
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            request = TLSServer.Seen(
                target: head.uri,
                headers: Dictionary(head.headers.map { ($0.name.lowercased(), $0.value) }) { first, _ in first })
        case .body: break
        case .end:
            guard let request else { return }
            let number = log.seen.withLock { seen in
                seen.append(request)
                return seen.count
            }
            answer(reply(request, number), context)
        }
    }

    private func answer(_ reply: TLSServer.Reply, _ context: ChannelHandlerContext) {
        switch reply {
        case .whole(let code, let text, let headers):
            head(code, context, [("content-length", "\(text.utf8.count)")] + headers.map { ($0.key, $0.value) })
            body(text, context)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        case .pieces(let pieces):
            head(200, context, [("transfer-encoding", "chunked")])
            for piece in pieces { body(piece, context) }
        case .silence: break
        case .close: context.close(promise: nil)
        }
    }

    private func head(_ code: Int, _ context: ChannelHandlerContext, _ headers: [(String, String)]) {
        context.write(
            wrapOutboundOut(
                .head(
                    HTTPResponseHead(
                        version: .http1_1, status: .init(statusCode: code), headers: HTTPHeaders(headers)))),
            promise: nil)
    }

    private func body(_ text: String, _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
    }
}
