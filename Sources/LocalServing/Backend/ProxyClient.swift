import AsyncHTTPClient
import Foundation
import Glibc
import NIOCore
import Serving
import Transport

/// Client for the control socket of a state folder's proxy. Every call has a time-out.
package struct ProxyClient: Sendable {
    private let state: StateFolder

    static let timeout = Duration.seconds(2)
    static let maximumReportBytes = 64 << 20
    static let maximumErrorBytes = 4 << 10

    /// For the whole of the process. That nothing answers is what its caller has to know at once.
    private static let client = HTTPClient.careful { $0.timeout.connect = TimeAmount(timeout) }

    package init(stateDirectory: URL) {
        self.init(StateFolder(stateDirectory))
    }

    init(_ state: StateFolder) { self.state = state }

    /// The proxy's current counters, requests in progress and endpoints.
    /// - Throws: `LocalServingError.proxyUnreachable`, `.proxyRefused`.
    package func report() async throws -> ProxyReport {
        try JSONDecoder().decode(ProxyReport.self, from: try await ask("/report"))
    }

    /// The proxy's own metrics, in the Prometheus text format.
    /// - Throws: `LocalServingError.proxyUnreachable`, `.proxyRefused`.
    package func metrics() async throws -> String {
        String(decoding: try await ask("/metrics"), as: UTF8.self)
    }

    /// Replaces all routes at once.
    @discardableResult
    package func replaceRoutes(_ routes: ProxyRoutes) async throws -> ProxyReport {
        let body = ByteBuffer(bytes: try JSONEncoder().encode(routes))
        return try JSONDecoder().decode(ProxyReport.self, from: try await ask("/routes", putting: body))
    }

    /// The routes that the proxy follows.
    /// - Throws: `LocalServingError.proxyUnreachable`. `.proxyRefused` if the proxy is too old to report routes.
    func routes() async throws -> ProxyRoutes {
        try JSONDecoder().decode(ProxyRoutes.self, from: try await ask("/routes"))
    }

    /// Like `routes`, but empty if the proxy is too old to report routes.
    func routesIfTold() async throws -> [ProxyRoute] {
        do { return try await routes().routes } catch let error as LocalServingError
            where error.code == .proxyUnreachable
        { throw error } catch { return [] }
    }

    /// Whether the proxy's event loop responds. This costs the proxy almost nothing.
    func isAnswering() async -> Bool { (try? await ask("/healthz")) != nil }

    /// Tries the proxy's usual socket, then the spare socket that is used if the state folder is not writable.
    private func ask(_ path: String, putting body: ByteBuffer? = nil) async throws -> Data {
        do {
            return try await ask(path, putting: body, on: state.proxySocket)
        } catch let error as LocalServingError where error.code == .proxyUnreachable {
            for place in FallbackFolder.existing(for: state) where access(place.socket, F_OK) == 0 {
                if let answer = try? await ask(path, putting: body, on: place.socket) { return answer }
            }
            throw error
        }
    }

    private func ask(_ path: String, putting body: ByteBuffer?, on socket: String) async throws -> Data {
        var request = HTTPClientRequest(url: URL(httpURLWithSocketPath: socket, uri: path)?.absoluteString ?? "")
        if let body {
            request.method = .PUT
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(body)
        }
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
                .proxyUnreachable, "the proxy does not answer on \(socket): \(TransportReason.text(error))")
        }
        guard status == 200 else {
            let said = String(decoding: body.readableBytesView.prefix(Self.maximumErrorBytes), as: UTF8.self)
            throw LocalServingError(.proxyRefused, "the proxy refused the request (\(status)): \(said)")
        }
        return Data(body.readableBytesView)
    }
}
