import Controller
import Foundation
import Hummingbird
import Logging
import ServiceLifecycle
import Synchronization

import struct HummingbirdCore.MaximumAvailableConnections
import struct NIOCore.IOError

/// The controller's HTTP API.
///
/// # Guarantees
/// - It listens on a loopback address, or there is a token.
/// - Bodies, headers, connections, readers of events and the time to answer are bounded.
/// - A controller that stands by answers nothing of its own but the probes and its metrics: the one who leads is asked, with
///   the caller's token. Where that cannot be asked, the answer is 503 with the reason, and never what this one has in memory.
/// - `run` returns after a graceful shutdown, when what was asked has been answered; event streams are ended.
public struct ControlServer: Service {
    static let connectionLimit = 512
    static let idleSeconds: Int64 = 60
    static let headerBytes = 32 * 1024
    static let headerCount = 100

    private let listen: ListenAddress
    private let surface: any ControlSurface
    private let token: String?
    private let logger: Logger
    private let heartbeat: Duration
    private let standing: @Sendable () async -> LeaderStanding
    private let onListening: @Sendable (ListenAddress) async -> Void

    /// - Parameters:
    ///   - token: bearer token that every request must carry, but for the probes and the git hook. Empty means none.
    ///   - heartbeat: how often an event stream says that it is alive.
    ///   - onListening: called once with the address that is bound, its port never 0.
    ///   - standing: whether the surface's controller leads.
    /// - Throws: `ListenError.unprotected`.
    public init(
        surface: any ControlSurface, listen: ListenAddress = ListenAddress(), token: String? = nil, logger: Logger,
        heartbeat: Duration = .seconds(15),
        onListening: @escaping @Sendable (ListenAddress) async -> Void = { _ in },
        standing: @escaping @Sendable () async -> LeaderStanding = { .leads }
    ) throws(ListenError) {
        let token = token?.isEmpty == true ? nil : token
        guard listen.isLoopback || token != nil else { throw .unprotected(listen) }
        self.listen = listen
        self.surface = surface
        self.token = token
        self.logger = logger
        self.heartbeat = heartbeat
        self.standing = standing
        self.onListening = onListening
    }

    /// Serves until a graceful shutdown, or until cancelled.
    /// - Throws: `ListenError.unavailable` where the address cannot be bound.
    public func run() async throws {
        let hook = GitHook()
        let routes = ControlRoutes(
            surface: surface, hook: hook, streams: EventStreams(surface: surface, heartbeat: heartbeat),
            standing: standing)
        let responder = routes.router(guardedBy: RequestGuard(token: token, listenHost: listen.host)).buildResponder()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [surface, logger] in  // Ends when cancelled.
                await hook.run(logger: logger) {
                    _ = try await withDeadline(ControlRoutes.syncLimit) { try await surface.sync(nil) }
                }
            }
            group.addTask { try await serve(responder) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func serve(_ responder: RouterResponder<BasicRequestContext>) async throws {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .notice)
        let isBound = BoundFlag()
        let application = Application(
            responder: responder,
            server: .http1(
                configuration: .init(
                    idleTimeout: .seconds(Self.idleSeconds),
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: Self.headerBytes, maxHeaderListSize: Self.headerBytes,
                        maxHeaderFieldCount: Self.headerCount))),
            configuration: ApplicationConfiguration(
                address: .hostname(listen.host, port: listen.port),
                availableConnectionsDelegate: MaximumAvailableConnections(Self.connectionLimit, logger: quiet)),
            onServerRunning: { [listen, logger, onListening] channel in
                let bound = ListenAddress(host: listen.host, port: channel.localAddress?.port ?? listen.port)
                logger.info("the API listens", metadata: ["address": "\(bound)"])
                isBound.set()
                await onListening(bound)
            },
            logger: quiet)
        do {
            try await application.run()
        } catch let error where !isBound.value && !(error is CancellationError) {
            let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
            throw ListenError.unavailable(listen, reason: reason)
        }
    }
}

/// Tells a server that could not start from one that failed later.
private final class BoundFlag: Sendable {
    private let isBound = Atomic(false)

    var value: Bool { isBound.load(ordering: .acquiring) }

    func set() { isBound.store(true, ordering: .releasing) }
}
