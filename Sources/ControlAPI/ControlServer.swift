import ControlPorts
import Dashboard
import Foundation
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization

/// The controller's HTTP API.
///
/// # Guarantees
/// - Only the probes and the git hook answer without a verified caller. A caller is verified by a token, or by the kernel's
///   information that the other end of the local socket belongs to the controller's own user or to root.
/// - It listens on a loopback address, unless at least one token was given to others.
/// - Bodies, headers, connections, event streams and all their times are bounded. Unauthenticated clients cannot keep out
///   authenticated ones.
/// - Probes can have a separate listener.
/// - A standby controller answers only the probes and its metrics itself. It forwards other requests to the leader in the
///   caller's name. If the leader cannot be reached, it answers 503 with the reason. It answers from its own memory only if it
///   led before and no leader is known (`LeaderForwarding`).
/// - If a port is taken by another program, the server waits for it as long as the local socket answers.
/// - `run` returns after a graceful shutdown, when running requests have been answered. Event streams are ended.
package struct ControlServer: Service {
    /// Where it listens.
    package struct Listeners: Sendable {
        package var api: ListenAddress
        package var tls: ServerCertificates?
        /// The path of the local socket; nil for none.
        package var socket: String?
        /// An additional address for the probes, independent of the API; nil for none.
        package var probes: ListenAddress?

        package init(
            api: ListenAddress = ListenAddress(), tls: ServerCertificates? = nil, socket: String? = nil,
            probes: ListenAddress? = nil
        ) {
            self.api = api
            self.tls = tls
            self.socket = socket
            self.probes = probes
        }
    }

    static let backlog = 1024
    static let portRetryDelay: Duration = .seconds(1)

    private let listeners: Listeners
    private let surface: any ControlSurface
    private let register: TokenRegistry
    private let logger: Logger
    private let heartbeat: Duration
    private let times: ConnectionTimes
    private let standing: @Sendable () async -> LeadershipStatus
    private let onListening: @Sendable (ListenAddress) async -> Void
    private let whoHolds: @Sendable (ListenAddress) -> Holder?
    private let hooks: [HookRule]

    /// The process that listens at an address that this server wants.
    package struct Holder: Hashable, Sendable {
        package var words: String
        /// Whether it is another controller. Another controller will not go away, so this one ends.
        package var isController: Bool

        package init(words: String, isController: Bool) {
            self.words = words
            self.isController = isController
        }
    }

    /// - Parameters:
    ///   - register: the tokens. The code that reads the token files updates it.
    ///   - heartbeat: the time between heartbeats of an event stream.
    ///   - onListening: called with the API's address when it is bound; its port is never 0.
    ///   - whoHolds: finds the process that listens at an address that cannot be bound.
    ///   - hooks: which deliveries of git servers matter to which project.
    ///   - standing: whether the surface's controller leads.
    /// - Throws: `ListenError.unprotected`.
    package init(
        surface: any ControlSurface, listeners: Listeners = Listeners(), register: TokenRegistry, logger: Logger,
        heartbeat: Duration = .seconds(15), times: ConnectionTimes? = nil,
        onListening: @escaping @Sendable (ListenAddress) async -> Void = { _ in },
        whoHolds: @escaping @Sendable (ListenAddress) -> Holder? = { _ in nil }, hooks: [HookRule] = [],
        standing: @escaping @Sendable () async -> LeadershipStatus = { .leads }
    ) throws(ListenError) {
        guard listeners.api.isLoopback || register.current.hasShared else { throw .unprotected(listeners.api) }
        self.listeners = listeners
        self.surface = surface
        self.register = register
        self.logger = logger
        self.heartbeat = heartbeat
        self.times = times ?? .standard
        self.standing = standing
        self.onListening = onListening
        self.whoHolds = whoHolds
        self.hooks = hooks
    }

    /// Serves until a graceful shutdown, or until its task is cancelled.
    /// - Throws: `ListenError.unavailable` if the address cannot be bound.
    package func run() async throws {
        let hook = GitHook(rules: hooks)
        let routes = ControlRoutes(
            surface: surface, hook: hook,
            streams: EventStreams(heartbeat: heartbeat), register: register,
            tls: listeners.tls, standing: standing, pages: try DashboardPages(),
            sessions: BrowserSessions(register: register), codes: LoginCodes())
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [surface, logger] in  // Ends when cancelled.
                await hook.run(logger: logger) { project in
                    _ = try await routes.stopwatch.within(ControlRoutes.syncLimit) { try await surface.sync(project) }
                }
            }
            defer { group.cancelAll() }
            try await serveAll(routes, Challenges())
        }
    }

    private func serveAll(_ routes: ControlRoutes, _ challenges: Challenges) async throws {
        let authenticator = Authenticator(register: register, challenges: challenges)
        try await withThrowingTaskGroup(of: Void.self) { group in
            if let probes = listeners.probes { group.addTask { try await serveProbes(routes, at: probes) } }
            // The socket is opened first, so that it exists when clients see that the API listens.
            let (opening, opened) = AsyncStream.makeStream(of: Void.self)
            if let socket = listeners.socket {
                group.addTask {
                    defer { opened.finish() }
                    try await serveSocket(socket, routes, authenticator) { opened.finish() }
                }
            } else {
                opened.finish()
            }
            group.addTask {
                for await _ in opening {}
                try await serveNetwork(routes, authenticator)
            }
            // The first failure ends all tasks; `waitForAll` would wait for the others first.
            for try await _ in group {}
        }
    }

    // MARK: The network

    private func serveNetwork(_ routes: ControlRoutes, _ authenticator: Authenticator) async throws {
        let listen = listeners.api
        // On a loopback address without shared tokens, the Host header is checked to keep out web pages.
        let host = listen.isLoopback && !register.current.hasShared ? listen.host : nil
        let connections = ConnectionTable(limits: .api)
        let router = routes.router(
            guardedBy: AuthenticationMiddleware(
                requestGuard: RequestGuard(listenHost: host), authenticator: authenticator, connections: connections,
                browsers: BrowserDoor(pages: routes.pages), sessions: routes.sessions, isSecure: listeners.tls != nil))
        let responder = router.buildResponder()
        // Without a local socket, nobody could reach the API while the server waits for the port.
        try await waitingFor(listen, canWait: listeners.socket != nil, "The API answers only on its local socket") {
            try await serve(
                responder, at: .hostname(listen.host, port: listen.port), place: .network(tls: listeners.tls),
                connections
            ) { [onListening, logger] bound in
                let address = ListenAddress(host: listen.host, port: bound?.port ?? listen.port)
                logger.info("the API listens", metadata: ["address": "\(address)"])
                await onListening(address)
            }
        }
    }

    /// Serves at an address. If another process listens there, waits until it is gone, except for another controller.
    private func waitingFor(
        _ address: ListenAddress, canWait: Bool, _ meanwhile: String, _ serve: () async throws -> Void
    ) async throws {
        var isTold = false
        while true {
            do {
                return try await serve()
            } catch let error as BindFailure {
                let holder = whoHolds(address)
                guard canWait, error.isTaken, holder?.isController != true else {
                    throw ListenError.unavailable(
                        address, reason: [error.reason, holder?.words].compactMap(\.self).joined(separator: " by "))
                }
                if !isTold {
                    logger.error(
                        "An address of the controller is in use by another process; waiting until it is free",
                        metadata: [
                            "address": "\(address)", "meanwhile": "\(meanwhile)",
                            "by": "\(holder?.words ?? "a process that the controller cannot see")",
                        ])
                }
                isTold = true
                guard (try? await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.portRetryDelay) }) != nil
                else { return }
            }
        }
    }

    // MARK: The local socket

    /// If the socket cannot be opened, the server continues: the API answers on its port.
    private func serveSocket(
        _ socket: String, _ routes: ControlRoutes, _ authenticator: Authenticator,
        _ onOpened: @escaping @Sendable () -> Void
    ) async throws {
        let place: LocalSocketPlace
        do {
            place = try LocalSocketPlace(path: socket)
        } catch {
            logger.warning("The local socket cannot be opened", metadata: ["socket": "\(socket)", "error": "\(error)"])
            return
        }
        let connections = ConnectionTable(limits: .api)
        let router = routes.router(
            guardedBy: AuthenticationMiddleware(
                requestGuard: RequestGuard(listenHost: nil), authenticator: authenticator, connections: connections,
                browsers: BrowserDoor(pages: routes.pages), sessions: routes.sessions, isSecure: false))
        defer { place.remove() }
        do {
            try await serve(
                router.buildResponder(), at: .unixDomainSocket(path: place.shortPath),
                place: .localSocket(users: [geteuid(), 0]), connections
            ) { [logger] _ in
                place.protect()
                onOpened()
                logger.debug("the local socket listens", metadata: ["socket": "\(socket)"])
            }
        } catch let error as BindFailure {
            logger.warning(
                "The local socket cannot be opened", metadata: ["socket": "\(socket)", "error": "\(error.reason)"])
        }
    }

    // MARK: Probes

    /// The probes have their own event loop and connection limits, so that load on the API does not affect them.
    private func serveProbes(_ routes: ControlRoutes, at address: ListenAddress) async throws {
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let responder = routes.probeRouter().buildResponder()
        let outcome: Result<Void, any Error>
        do {
            try await waitingFor(address, canWait: true, "Probes answer only on the API's address") {
                try await serve(
                    responder, at: .hostname(address.host, port: address.port), place: .network(tls: nil),
                    ConnectionTable(limits: .probes), on: loops
                ) { [logger] bound in
                    let bound = ListenAddress(host: address.host, port: bound?.port ?? address.port)
                    logger.info("the probes listen", metadata: ["address": "\(bound)"])
                }
            }
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        try? await loops.shutdownGracefully()
        try outcome.get()
    }

    // MARK: Serving

    private func serve(
        _ responder: RouterResponder<ControlContext>, at address: BindAddress, place: GuardedChannel.Place,
        _ connections: ConnectionTable, on loops: (any EventLoopGroup)? = nil,
        _ onListening: @escaping @Sendable (SocketAddress?) async -> Void
    ) async throws {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .notice)
        let isBound = BoundFlag()
        let application = Application(
            responder: responder,
            server: HTTPServerBuilder { [times] responder in
                GuardedChannel(responder: responder, place: place, connections: connections, times: times)
            },
            configuration: ApplicationConfiguration(address: address, backlog: Self.backlog),
            onServerRunning: { channel in
                isBound.set()
                await onListening(channel.localAddress)
            },
            eventLoopGroupProvider: .shared(loops ?? MultiThreadedEventLoopGroup.singleton), logger: quiet)
        do {
            try await application.run()
        } catch let error where !isBound.value && !(error is CancellationError) {
            throw BindFailure(error)
        }
    }
}

/// An address that could not be bound.
private struct BindFailure: Error {
    var reason: String
    /// Whether another process listens there.
    var isTaken: Bool

    init(_ error: any Error) {
        let code = (error as? IOError)?.errnoCode
        reason = code.map { String(cString: strerror($0)) } ?? "\(error)"
        isTaken = code == EADDRINUSE
    }
}

/// Distinguishes a server that could not start from one that failed later.
private final class BoundFlag: Sendable {
    private let isBound = Atomic(false)

    var value: Bool { isBound.load(ordering: .acquiring) }

    func set() { isBound.store(true, ordering: .releasing) }
}
