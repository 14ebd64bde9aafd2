import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOSSL
import Synchronization
import Transport

/// Sends requests over HTTP/2 if the server offers it, else over HTTP/1.1.
///
/// # Guarantees
/// - A call ends within its time limit, from connecting to the last byte. Fetching new credentials comes on top, within a
///   limit of its own.
/// - After a 401 it fetches the credentials and sends the request once more. A second 401 is the answer.
/// - Connections are reused. A connection whose peer has gone silent is closed (`DeadPeerDetection`).
/// - It follows no redirects: they would carry the credentials along.
/// - Errors and logs hold no token, key or body.
package final class HTTPTransport: KubernetesTransport {
    package static let maximumBodyBytes = 32 << 20
    package static let maximumLineBytes = 16 << 20
    static let maximumErrorBytes = 64 << 10
    /// Without HTTP/2 each watch occupies one connection.
    static let maximumHTTP1Connections = 128
    static let connectTimeout = TimeAmount.seconds(10)

    package enum HTTPVersion: Sendable { case automatic, http1 }

    private let connection: ClusterConnection
    private let client: HTTPClient
    private let address: ServerAddress
    private let identity: TLSIdentity
    private let stopwatch: ClientClock
    private let failures: TransportErrorMapper

    /// - Throws: `APIError` if the server's or the proxy's address is not valid.
    package init(
        _ connection: ClusterConnection, http: HTTPVersion = .automatic, stopwatch: ClientClock = ClientClock()
    ) throws {
        self.connection = connection
        self.stopwatch = stopwatch
        address = try ServerAddress(connection)
        identity = TLSIdentity(connection.trust)
        failures = TransportErrorMapper(address: address, trust: connection.trust, stopwatch: stopwatch)
        client = .careful { [address] in
            $0.httpVersion = http == .http1 ? .http1Only : .automatic
            $0.timeout.connect = Self.connectTimeout
            $0.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = Self.maximumHTTP1Connections
            $0.proxy = address.proxy
            if let (name, host) = address.dnsOverride { $0.dnsOverride = [name: host] }
            $0.http1_1ConnectionDebugInitializer = DeadPeerDetection.configure
            $0.http2ConnectionDebugInitializer = DeadPeerDetection.configure
        }
    }

    deinit {
        // Closes idle connections. Nothing is left that could wait for the result.
        client.shutdown { _ in }
    }

    package func send(_ request: APIRequest, timeout: Duration) async throws -> APIResponse {
        let first = try await exchange(request, timeout: timeout)
        guard first.response.code == 401 else { return first.response }
        guard await connection.credentials.refused(first.credential) else {
            try Self.checkCertificate(first.credential, of: request)
            return first.response
        }
        return try await exchange(request, timeout: timeout).response
    }

    package func lines(
        _ request: APIRequest, idleTimeout: Duration
    ) async throws -> AsyncThrowingStream<Data, any Error> {
        var (head, credential) = try await open(request, timeout: idleTimeout)
        if head.status == .unauthorized, await connection.credentials.refused(credential) {
            (head, credential) = try await open(request, timeout: idleTimeout)
        }
        let body = head.body
        guard (200..<300).contains(head.status.code) else {
            if head.status == .unauthorized { try Self.checkCertificate(credential, of: request) }
            let said = try await bounded(request, idleTimeout) {
                try await body.whole(upTo: Self.maximumErrorBytes)
            }
            throw APIError.answer(
                code: Int(head.status.code), body: said, request: request,
                retryAfterSeconds: Self.retryAfterSeconds(head.headers))
        }
        let lines = LineStream(
            body, maximumLineBytes: Self.maximumLineBytes, idleTimeout: idleTimeout, stopwatch: stopwatch)
        return AsyncThrowingStream { [self] in
            do {
                return try await lines.next()
            } catch {
                throw await failures.error(error, request: request, limit: idleTimeout)
            }
        }
    }

    private func exchange(
        _ request: APIRequest, timeout: Duration
    ) async throws -> (response: APIResponse, credential: Credential) {
        let (outgoing, credential) = try await prepared(request)
        let response = try await bounded(request, timeout) { [client] in
            let head = try await client.execute(outgoing, deadline: .distantFuture)
            return APIResponse(
                code: Int(head.status.code), body: try await head.body.whole(upTo: Self.maximumBodyBytes),
                retryAfterSeconds: Self.retryAfterSeconds(head.headers), date: head.headers.first(name: "date"))
        }
        return (response, credential)
    }

    /// Sends the request and returns at the head of the answer.
    private func open(
        _ request: APIRequest, timeout: Duration
    ) async throws -> (response: HTTPClientResponse, credential: Credential) {
        let (outgoing, credential) = try await prepared(request)
        let response = try await bounded(request, timeout) { [client] in
            try await client.execute(outgoing, deadline: .distantFuture)
        }
        return (response, credential)
    }

    private func prepared(_ request: APIRequest) async throws -> (HTTPClientRequest, Credential) {
        let credential = try await connection.credentials.current()
        var outgoing = HTTPClientRequest(url: address.url(request.target))
        outgoing.method = HTTPMethod(rawValue: request.method.rawValue)
        outgoing.headers.add(name: "accept", value: request.accept)
        outgoing.headers.add(name: "user-agent", value: "mlctl")
        outgoing.headers.add(name: "host", value: address.authority)
        if let type = request.contentType { outgoing.headers.add(name: "content-type", value: type) }
        if let token = credential.token { outgoing.headers.add(name: "authorization", value: "Bearer \(token)") }
        for header in credential.impersonation { outgoing.headers.add(name: header.name, value: header.value) }
        if let body = request.body { outgoing.body = .bytes(ByteBuffer(bytes: body)) }
        if address.isTLS { outgoing.tlsConfiguration = try identity.configuration(credential, stopwatch.elapsed()) }
        return (outgoing, credential)
    }

    private func bounded<Value: Sendable>(
        _ request: APIRequest, _ limit: Duration, _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        do {
            return try await stopwatch.within(limit, work)
        } catch {
            throw await failures.error(error, request: request, limit: limit)
        }
    }

    private static func retryAfterSeconds(_ headers: HTTPHeaders) -> Int? {
        headers.first(name: "retry-after").flatMap { Int($0) }.map { max($0, 0) }
    }

    /// The API server answers 401 to an expired client certificate without naming the reason.
    private static func checkCertificate(_ credential: Credential, of request: APIRequest) throws {
        guard let end = credential.certificate?.expiresAt, end < Date() else { return }
        throw APIError(
            .credentials,
            message: "the client certificate expired at \(end.formatted(.iso8601)). Renew it, or log in again.",
            request: "\(request.method.rawValue) \(request.path)")
    }
}
