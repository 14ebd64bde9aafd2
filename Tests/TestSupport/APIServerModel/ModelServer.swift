import Foundation
import KubernetesClient
import NIOCore
import NIOHTTP1
import NIOPosix

/// The model of the API server over HTTP/1.1 on this machine, for tests of the real transport and of whole programs.
package struct ModelServer: Sendable {
    package let transport: ModelTransport
    package let port: Int
    /// The token that requests must have; nil: none.
    package let token: String?

    package var url: String { "http://127.0.0.1:\(port)" }

    /// The kubeconfig of a client with the right token.
    package func kubeconfig(namespace: String = "default") -> String {
        """
        apiVersion: v1
        kind: Config
        current-context: model
        clusters:
        - name: model
          cluster: {server: "\(url)"}
        users:
        - name: model
          user: {token: "\(token ?? "none")"}
        contexts:
        - name: model
          context: {cluster: model, user: model, namespace: "\(namespace)"}
        """
    }

    /// - Parameters:
    /// - port: 0: any free port.
    /// - step: how often the cluster's controllers take a step; nil: only when the test asks.
    package static func with<Result: Sendable>(
        _ transport: ModelTransport, token: String? = nil, port: Int = 0, step: Duration? = nil,
        _ body: @Sendable (ModelServer) async throws -> Result
    ) async throws -> Result {
        let listener = try await listen(port: port)
        let server = ModelServer(transport: transport, port: listener.channel.localAddress?.port ?? 0, token: token)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.serve(listener) }
            if let step { group.addTask { try await server.run(every: step) } }
            do {
                let result = try await body(server)
                await server.close(&group)
                return result
            } catch {
                await server.close(&group)
                throw error
            }
        }
    }

    /// As on a real server: a watch that is silent for longer is dead.
    private static let bookmarkInterval: Duration = .seconds(60)

    private typealias Connection = NIOAsyncChannel<HTTPServerRequestPart, HTTPServerResponsePart>

    private static func listen(port: Int) async throws -> NIOAsyncChannel<Connection, Never> {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .bind(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    return try Connection(wrappingChannelSynchronously: channel)
                }
            }
    }

    private func close(_ group: inout ThrowingTaskGroup<Void, any Error>) async {
        await transport.endWatches()
        group.cancelAll()
        while await group.nextResult() != nil {}
    }

    private func run(every step: Duration) async throws {
        var nextBookmarks = ContinuousClock.now + Self.bookmarkInterval
        while !Task.isCancelled {
            try await ContinuousClock().sleep(for: step)
            await transport.step()
            guard ContinuousClock.now >= nextBookmarks else { continue }
            await transport.sendBookmarks()
            nextBookmarks += Self.bookmarkInterval
        }
    }

    private func serve(_ listener: NIOAsyncChannel<Connection, Never>) async throws {
        try await listener.executeThenClose { connections in
            try await withThrowingDiscardingTaskGroup { group in
                for try await connection in connections {
                    // A broken connection is the client's concern.
                    group.addTask { try? await handle(connection) }
                }
            }
        }
    }

    private func handle(_ connection: Connection) async throws {
        try await connection.executeThenClose { inbound, outbound in
            var head: HTTPRequestHead?
            var body = Data()
            for try await part in inbound {
                switch part {
                case .head(let next):
                    head = next
                    body = Data()
                case .body(let buffer):
                    body.append(contentsOf: buffer.readableBytesView)
                    guard body.count <= 2 * APIServerModel.largestRequestBytes else { return }
                case .end:
                    guard let head, try await answer(head, body, outbound) else { return }
                }
            }
        }
    }

    /// - Returns: whether the connection can be used again.
    private func answer(
        _ head: HTTPRequestHead, _ body: Data, _ outbound: NIOAsyncChannelOutboundWriter<HTTPServerResponsePart>
    ) async throws -> Bool {
        if let token, head.headers.first(name: "authorization") != "Bearer \(token)" {
            try await write(Refusal(401, "Unauthorized", "Unauthorized").response, outbound)
            return true
        }
        guard let request = APIRequest(head, body: body) else {
            try await write(Refusal.badRequest("the method \(head.method) is not served").response, outbound)
            return true
        }
        do {
            if request.query.contains(.init("watch", "true")) || request.query.contains(.init("watch", "1")) {
                try await stream(request, outbound)
            } else {
                try await write(transport.send(request, timeout: KubernetesAPI.defaultTimeout), outbound)
            }
            return true
        } catch let error as APIError {
            // A refusal has a code. Anything else is lost on the way, so close the connection as a network would.
            guard let code = error.statusCode, case .status(_, let reason) = error.reason else { return false }
            try await write(Refusal(code, reason, error.message).response, outbound)
            return true
        }
    }

    private func stream(
        _ request: APIRequest, _ outbound: NIOAsyncChannelOutboundWriter<HTTPServerResponsePart>
    ) async throws {
        let lines = try await transport.lines(request, idleTimeout: KubernetesAPI.defaultTimeout)
        let headers: HTTPHeaders = ["content-type": "application/json", "transfer-encoding": "chunked"]
        try await outbound.write(.head(HTTPResponseHead(version: .http1_1, status: .ok, headers: headers)))
        for try await line in lines {
            try await outbound.write(.body(.byteBuffer(ByteBuffer(bytes: line + [UInt8(ascii: "\n")]))))
        }
        try await outbound.write(.end(nil))
    }

    private func write(
        _ response: APIResponse, _ outbound: NIOAsyncChannelOutboundWriter<HTTPServerResponsePart>
    ) async throws {
        var headers: HTTPHeaders = [
            "content-type": "application/json", "content-length": String(response.body.count),
        ]
        if let seconds = response.retryAfterSeconds { headers.add(name: "retry-after", value: String(seconds)) }
        let status = HTTPResponseStatus(statusCode: response.code)
        try await outbound.write(.head(HTTPResponseHead(version: .http1_1, status: status, headers: headers)))
        try await outbound.write(.body(.byteBuffer(ByteBuffer(bytes: response.body))))
        try await outbound.write(.end(nil))
    }
}

extension APIRequest {
    /// Nil for a method that the API server does not support.
    fileprivate init?(_ head: HTTPRequestHead, body: Data) {
        guard let method = Method(rawValue: head.method.rawValue) else { return nil }
        let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let query = (parts.count > 1 ? parts[1] : "").split(separator: "&").map { pair -> Parameter in
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map {
                $0.replacing("+", with: " ").removingPercentEncoding ?? String($0)
            }
            return Parameter(halves[0], halves.count > 1 ? halves[1] : "")
        }
        self.init(
            method, String(parts[0]).removingPercentEncoding ?? String(parts[0]), query: query,
            contentType: head.headers.first(name: "content-type"),
            accept: head.headers.first(name: "accept") ?? "application/json", body: body.isEmpty ? nil : body)
    }
}
