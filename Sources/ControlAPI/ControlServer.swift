import Controller
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
/// - Nothing but the probes and the git hook answers without a proof of who asks: a token, or the kernel's word that the
///   other end of the local socket is a process of the controller's own user or of root.
/// - It listens on a loopback address, or there is a token that somebody was given.
/// - Bodies, headers, connections, readers of events and the times for all of them are bounded. Who has not proved
///   anything cannot keep out those who can.
/// - Probes have a listener of their own, where one is asked for.
/// - A controller that stands by answers nothing of its own but the probes and its metrics: the one who leads is asked, in
///   the caller's name. Where that cannot be asked, the answer is 503 with the reason, and never what this one has in memory.
/// - Where the local socket answers, a port that somebody else has taken is waited for, and not the end of the server.
/// - `run` returns after a graceful shutdown, when what was asked has been answered; event streams are ended.
public struct ControlServer: Service {
    /// Where it listens.
    public struct Listeners: Sendable {
        public var api: ListenAddress
        public var tls: ServerCertificates?
        /// A path for the local socket; nil: none.
        public var socket: String?
        /// Where the probes answer as well, whatever happens to the API; nil: nowhere else.
        public var probes: ListenAddress?

        public init(
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
    private let register: AccessRegister
    private let logger: Logger
    private let heartbeat: Duration
    private let times: ConnectionTimes
    private let standing: @Sendable () async -> LeaderStanding
    private let onListening: @Sendable (ListenAddress) async -> Void
    private let whoHolds: @Sendable (ListenAddress) -> Holder?

    /// Who listens at an address that was to be this server's.
    public struct Holder: Hashable, Sendable {
        public var words: String
        /// Another controller, which will not go away: then this one does.
        public var isController: Bool

        public init(words: String, isController: Bool) {
            self.words = words
            self.isController = isController
        }
    }

    /// - Parameters:
    ///   - register: the tokens. Whoever reads the files replaces them in it.
    ///   - heartbeat: how often an event stream says that it is alive.
    ///   - onListening: called with the API's address once that is bound, its port never 0.
    ///   - whoHolds: who listens at an address that cannot be bound.
    ///   - standing: whether the surface's controller leads.
    /// - Throws: `ListenError.unprotected`.
    public init(
        surface: any ControlSurface, listeners: Listeners = Listeners(), register: AccessRegister, logger: Logger,
        heartbeat: Duration = .seconds(15), times: ConnectionTimes? = nil,
        onListening: @escaping @Sendable (ListenAddress) async -> Void = { _ in },
        whoHolds: @escaping @Sendable (ListenAddress) -> Holder? = { _ in nil },
        standing: @escaping @Sendable () async -> LeaderStanding = { .leads }
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
    }

    /// Serves until a graceful shutdown, or until cancelled.
    /// - Throws: `ListenError.unavailable` where the address cannot be bound.
    public func run() async throws {
        let hook = GitHook()
        let routes = ControlRoutes(
            surface: surface, hook: hook,
            streams: EventStreams(register: register, heartbeat: heartbeat), register: register,
            tls: listeners.tls, standing: standing)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [surface, logger] in  // Ends when cancelled.
                await hook.run(logger: logger) {
                    _ = try await routes.stopwatch.within(ControlRoutes.syncLimit) { try await surface.sync(nil) }
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
            // The socket first: whoever sees that the API listens finds it.
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
            // The first failure ends all of them; `waitForAll` would wait for the others first.
            for try await _ in group {}
        }
    }

    // MARK: The network

    private func serveNetwork(_ routes: ControlRoutes, _ authenticator: Authenticator) async throws {
        let listen = listeners.api
        // On the loopback that nobody else was given a token for, web pages are kept out by their Host header too.
        let host = listen.isLoopback && !register.current.hasShared ? listen.host : nil
        let connections = ConnectionTable(limits: .api)
        let router = routes.router(
            guardedBy: Guarding(
                requestGuard: RequestGuard(listenHost: host), authenticator: authenticator, connections: connections))
        let responder = router.buildResponder()
        // Without a local socket nobody could ask it anything meanwhile.
        try await waitingFor(listen, canWait: listeners.socket != nil, "The API answers on its local socket alone") {
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

    /// Serves at an address; where somebody else listens there, once that one is gone. Only another controller does not go.
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
                        "An address of the controller is taken: it is waited for",
                        metadata: [
                            "address": "\(address)", "meanwhile": "\(meanwhile)",
                            "by": "\(holder?.words ?? "a process that cannot be seen from here")",
                        ])
                }
                isTold = true
                guard (try? await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.portRetryDelay) }) != nil
                else { return }
            }
        }
    }

    // MARK: The local socket

    /// One that cannot be opened is no reason to end: the API answers on its port.
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
            guardedBy: Guarding(
                requestGuard: RequestGuard(listenHost: nil), authenticator: authenticator, connections: connections))
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

    /// On an event loop and with connections of its own: nothing that happens to the API is felt here.
    private func serveProbes(_ routes: ControlRoutes, at address: ListenAddress) async throws {
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let responder = routes.probeRouter().buildResponder()
        let outcome: Result<Void, any Error>
        do {
            try await waitingFor(address, canWait: true, "Probes answer on the API's address alone") {
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
    /// Somebody else listens there.
    var isTaken: Bool

    init(_ error: any Error) {
        let code = (error as? IOError)?.errnoCode
        reason = code.map { String(cString: strerror($0)) } ?? "\(error)"
        isTaken = code == EADDRINUSE
    }
}

/// Tells a server that could not start from one that failed later.
private final class BoundFlag: Sendable {
    private let isBound = Atomic(false)

    var value: Bool { isBound.load(ordering: .acquiring) }

    func set() { isBound.store(true, ordering: .releasing) }
}
