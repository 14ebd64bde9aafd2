import Dispatch
import Logging
import NIOCore
import NIOPosix
import Serving

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The configuration of `mlctl proxy`.
package struct TrafficProxyConfiguration: Sendable {
    package var stateDirectory: String
    package var directions: RouteSource
    /// The path of the control socket, if it cannot be in the state folder. Nil: in the state folder.
    package var controlSocket: String?
    /// The file with the key that signs request IDs, if several proxies share one. Nil: the proxy has its own key.
    package var requestIdKeyFile: String?
    package var limits: ProxyLimits
    package var logger: Logger
    /// Whether SIGTERM and SIGINT drain the proxy and end `run`. False if the proxy runs inside another program.
    package var handlesSignals: Bool

    package init(
        stateDirectory: String, directions: RouteSource = .fromSocket, controlSocket: String? = nil,
        requestIdKeyFile: String? = nil,
        limits: ProxyLimits = ProxyLimits(), logger: Logger = Logger(label: "mlctl.proxy"),
        handlesSignals: Bool = true
    ) {
        self.stateDirectory = stateDirectory
        self.directions = directions
        self.controlSocket = controlSocket
        self.requestIdKeyFile = requestIdKeyFile
        self.limits = limits
        self.logger = logger
        self.handlesSignals = handlesSignals
    }
}

/// The data plane: a reverse proxy for HTTP/1.1, HTTP/2 and gRPC with weights, sticky users and counters per instance.
///
/// # Guarantees
/// - It follows the last routes that it received, also after a restart, whether or not a controller runs.
/// - New routes apply from the next request on. Requests in progress finish at their instance.
/// - A request is sent twice only if that is safe, and never to two revisions.
package struct TrafficProxy: Sendable {
    private let configuration: TrafficProxyConfiguration

    package init(configuration: TrafficProxyConfiguration) { self.configuration = configuration }

    /// Serves until the task is cancelled or the process gets a stop signal. Then requests in progress may finish within
    /// `limits.drainTime`.
    ///
    /// - Throws: `ProxyError` if it cannot start.
    package func run() async throws {
        let files = ProxyFiles(stateDirectory: configuration.stateDirectory)
        try files.create()
        let lock = try ProxyLock(files)
        defer { withExtendedLifetime(lock) {} }
        // Two threads: one for requests, one for the control socket, JSON and the disk.
        let dataGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let controlGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let result: Result<Void, any Error>
        do {
            try await serve(files, data: dataGroup.next(), control: controlGroup.next())
            result = .success(())
        } catch {
            result = .failure(error)
        }
        try await controlGroup.shutdownGracefully()
        try await dataGroup.shutdownGracefully()
        try result.get()
    }

    private func serve(_ files: ProxyFiles, data: any EventLoop, control: any EventLoop) async throws {
        let logger = configuration.logger
        var limits = configuration.limits
        limits.connectionsTotal = min(limits.connectionsTotal, Self.connectionsWithinDescriptors())
        let usable = limits
        let key = try requestIdKey(files)
        let host = configuration.directions.host
        let plane = try await data.submit {
            let plane = DataPlane(
                loop: data, host: host, limits: usable, logger: logger, seed: .random(in: .min ... .max),
                requestIdKey: key)
            plane.start()
            return NIOLoopBound(plane, eventLoop: data)
        }.get()
        let handle = DataPlaneHandle(loop: data, plane: plane)
        let follower = RouteFollower(
            plane: handle, files: files, limits: limits, reservedPorts: configuration.directions.reservedPorts,
            logger: logger, loop: control)
        if let routes = lastRoutes(follower.file) { _ = try await follower.resume(routes).get() }
        let server = try await ControlServer.start(
            directions: configuration.directions, socket: configuration.controlSocket ?? files.controlSocket,
            limits: limits, follower: follower, logger: logger, on: control)
        let interval = TimeAmount.nanoseconds(limits.keptUsersInterval.nanosecondsClamped)
        let keeping = control.scheduleRepeatedAsyncTask(initialDelay: interval, delay: interval) { _ in
            follower.keepUsers()
        }
        let renewal = TimeAmount.nanoseconds(limits.certificateInterval.nanosecondsClamped)
        let renewing = control.scheduleRepeatedTask(initialDelay: renewal, delay: renewal) { _ in
            follower.renewCertificates()
        }
        logger.info("proxy started", metadata: ["control": "\(server.place)"])
        await withTaskGroup(of: Void.self) { group in
            if case .following(let routes, _, _) = configuration.directions {
                group.addTask { await follow(routes, with: follower) }
            }
            await StopSignal.wait(forSignals: configuration.handlesSignals)
            group.cancelAll()
        }
        logger.info("proxy draining", metadata: ["atMost": "\(limits.drainTime)"])
        // Requests in progress get their time, even if the task was cancelled.
        try await handle.drain().get()
        keeping.cancel()
        renewing.cancel()
        try await follower.keepUsers().get()
        try await handle.stop().get()
        try await server.channel.close()
        unlink(configuration.controlSocket ?? files.controlSocket)
    }

    /// Applies each set of routes as it arrives.
    private func follow(_ changes: AsyncStream<[ProxyRoute]>, with follower: RouteFollower) async {
        let logger = configuration.logger
        var generation = (try? await follower.plane.report().get())?.generation ?? 0
        for await routes in changes {
            generation += 1
            do {
                _ = try await follower.follow(ProxyRoutes(generation: generation, routes: routes)).get()
                logger.debug("routes followed", metadata: ["generation": "\(generation)", "routes": "\(routes.count)"])
            } catch {
                logger.error("routes could not be followed", metadata: ["reason": "\(error)"])
            }
        }
    }

    /// - Throws: `ProxyError` if a shared key cannot be read: with a key of its own, no other proxy could verify its request IDs.
    private func requestIdKey(_ files: ProxyFiles) throws -> RequestIdentityKey {
        guard let shared = configuration.requestIdKeyFile else {
            return RequestIdKeyFile(path: files.requestIdKey).loadOrMake(logger: configuration.logger)
        }
        let bytes = try AtomicFile.load(shared, bytesMax: RequestIdentityKey.byteCount)
        guard let key = bytes.flatMap({ RequestIdentityKey($0) }) else {
            throw ProxyError(
                .stateDirectory, "\(shared) does not hold a key of \(RequestIdentityKey.byteCount) bytes")
        }
        return key
    }

    private func lastRoutes(_ file: RoutesFile) -> ProxyRoutes? {
        do {
            return try file.load()
        } catch {
            // The controller sends new routes. The damaged file is kept with the suffix `.broken`, so that its cause can be
            // found.
            configuration.logger.error(
                "last routes cannot be read", metadata: ["path": "\(file.path)", "reason": "\(error)"])
            rename(file.path, file.path + ".broken")
            return nil
        }
    }

    /// Raises the limit of open files as far as permitted. Returns how many clients fit: each may need a second connection, to an
    /// instance.
    private static func connectionsWithinDescriptors() -> Int {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &limit) == 0 else { return 256 }
        limit.rlim_cur = limit.rlim_max
        setrlimit(resource, &limit)
        getrlimit(resource, &limit)
        let reserved = 128
        return max(16, (Int(clamping: limit.rlim_cur) - reserved) / 2)
    }
}

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Waits for a request to stop.
enum StopSignal {
    /// Returns when the task is cancelled, or on SIGTERM or SIGINT if `mindsSignals` is true.
    static func wait(forSignals mindsSignals: Bool) async {
        let (stops, stop) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
        let sources = (mindsSignals ? [SIGTERM, SIGINT] : []).map { number in
            // The default action would end the process before the source gets the signal.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { stop.finish() }
            source.resume()
            return source
        }
        for await _ in stops {}
        for source in sources { source.cancel() }
    }
}

/// Where a proxy gets its routes from, and where it serves its counters.
package enum RouteSource: Sendable {
    /// A controller on this machine sends routes over the socket in the state folder. Endpoints listen on the loopback address.
    case fromSocket
    /// A follower of a cluster sends routes. Endpoints and the control port listen on `host`.
    case following(AsyncStream<[ProxyRoute]>, host: String, controlPort: Int)

    /// The address that endpoints listen on.
    var host: String {
        switch self {
        case .fromSocket: Upstream.loopback
        case .following(_, let host, _): host
        }
    }

    /// Ports that no endpoint may use.
    var reservedPorts: [ReservedPort] {
        switch self {
        case .fromSocket: []
        case .following(_, _, let port): [ReservedPort(port: port, use: "the proxy's control port")]
        }
    }
}
