import AsyncHTTPClient
import Foundation
import NIOCore
import Serving

/// Speaks to the proxy of a state folder, over its control socket. Every call has a time-out.
public struct ProxyClient: Sendable {
    private let socket: String

    static let timeout = Duration.seconds(2)
    static let maximumReportBytes = 64 << 20
    static let maximumErrorBytes = 4 << 10

    /// For the whole of the process, as `HTTPClient.shared` is. Unlike that one it does not try a refused connection
    /// again by itself: that nothing answers is what its caller has to know at once.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.timeout.connect = TimeAmount(timeout)
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    public init(stateDirectory: URL) {
        self.init(socket: StateFolder(stateDirectory).proxySocket)
    }

    init(socket: String) { self.socket = socket }

    /// Counters, requests under way and endpoints, as they are now.
    /// - Throws: `LocalServingError.proxyUnreachable`, `.proxyRefused`.
    public func report() async throws -> ProxyReport {
        try JSONDecoder().decode(ProxyReport.self, from: try await ask(request("/report")))
    }

    /// The proxy's own metrics, in Prometheus' text form.
    /// - Throws: `LocalServingError.proxyUnreachable`, `.proxyRefused`.
    public func metrics() async throws -> String {
        String(decoding: try await ask(request("/metrics")), as: UTF8.self)
    }

    /// Replaces all routes at once.
    @discardableResult
    public func replaceRoutes(_ routes: ProxyRoutes) async throws -> ProxyReport {
        var request = request("/routes")
        request.method = .PUT
        request.headers.add(name: "content-type", value: "application/json")
        request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(routes)))
        return try JSONDecoder().decode(ProxyReport.self, from: try await ask(request))
    }

    private func request(_ path: String) -> HTTPClientRequest {
        HTTPClientRequest(url: URL(httpURLWithSocketPath: socket, uri: path)?.absoluteString ?? "")
    }

    private func ask(_ request: HTTPClientRequest) async throws -> Data {
        let status: UInt
        let body: ByteBuffer
        do {
            let response = try await Self.client.execute(request, timeout: TimeAmount(Self.timeout))
            status = response.status.code
            body = try await response.body.collect(upTo: Self.maximumReportBytes)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw LocalServingError(
                .proxyUnreachable, "the proxy does not answer on \(socket): \(error). See proxy.log beside it.",
                retry: .transient)
        }
        guard status == 200 else {
            let said = String(decoding: body.readableBytesView.prefix(Self.maximumErrorBytes), as: UTF8.self)
            throw LocalServingError(.proxyRefused, "the proxy refused (\(status)): \(said)", retry: .waiting)
        }
        return Data(body.readableBytesView)
    }
}
