import HTTP1
import Logging
import ModelManifests
import NIOCore
import NIOPosix
import Serving

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// All listeners, connections, routes and counters of the proxy. Everything runs on one event loop, so nothing needs a lock and
/// no request waits for another thread.
final class DataPlane {
    /// How often deadlines are checked. One periodic check replaces a timer per request.
    private static let sweepInterval = TimeAmount.milliseconds(100)

    let loop: any EventLoop
    /// The address that endpoints listen on.
    let host: String
    let limits: ProxyLimits
    let logger: Logger
    let epoch: String
    let waterMark: ChannelOptions.Types.WriteBufferWaterMark
    let clientIdleNanoseconds: Int64
    let headReadNanoseconds: Int64
    let bodyIdleNanoseconds: Int64
    let lingerNanoseconds: Int64
    let trustedRestNanoseconds: Int64
    let steadyRestNanoseconds: Int64

    // Shared by all connections, because only one is read at a time.
    var requestScanner: RequestHeadScanner
    var responseScanner: ResponseHeadScanner
    /// For heads that the proxy wrote itself, on their way from and to HTTP/2.
    var ownRequestScanner: RequestHeadScanner
    var ownAnswerScanner: ResponseHeadScanner
    var random: RoutingRandom
    var requestWords: RequestIdWords
    /// For answers that no revision gave.
    let nobodysMint: RequestIdSigner

    /// The budget of copied bodies, and the reader that reads bodies outside the event loop.
    let copyBudget: CopyBudget
    let bodyReader: BodyReader

    private(set) var isDraining = false
    private(set) var generation = 0
    private(set) var clients: [ClientConnection] = []
    /// By the port that was requested, whether or not it is open.
    var listeners: [Int: Listener] = [:]
    private(set) var accepted = AcceptedRoutes(routes: ProxyRoutes())
    /// The port that each owner should get.
    private(set) var wantedPorts: [PortOwner: Int?] = [:]
    var assignment = PortAssignment(wanted: [:], open: [:])
    private(set) var routes: [DeploymentKey: LiveRoute] = [:]
    private(set) var synthetic: [DeploymentKey: SyntheticTraffic] = [:]
    private(set) var problems: [DeploymentKey: [String]] = [:]
    /// Of routes with TLS.
    private(set) var securities: [DeploymentKey: EndpointSecurity] = [:]
    private(set) var certificateProblems: [DeploymentKey: String] = [:]
    /// Where endpoints stay whose new files cannot be used.
    private(set) var heldAddresses: [DeploymentKey: String?] = [:]
    /// Client connections that speak HTTP/2.
    private(set) var http2Clients: [ObjectIdentifier: HTTP2Client] = [:]
    private let requestIdKey: RequestIdentityKey
    private(set) var instances: [InstanceKey: Instance] = [:]
    private(set) var tallies: [DeploymentKey: RouteTally] = [:]
    /// The number of route updates so far.
    private var turn = 0
    private var drained: EventLoopPromise<Void>?
    private var sweeping: RepeatedTask?

    /// - Parameter seed: for the random numbers of routing, and for the epoch.
    init(
        loop: any EventLoop, host: String = Upstream.loopback, limits: ProxyLimits, logger: Logger, seed: UInt64,
        requestIdKey: RequestIdentityKey
    ) {
        self.loop = loop
        self.host = host
        self.limits = limits
        self.logger = logger
        random = RoutingRandom(seed: seed)
        epoch = String(random.next(), radix: 16)
        self.requestIdKey = requestIdKey
        nobodysMint = RequestIdSigner(key: requestIdKey)
        requestWords = RequestIdWords(
            atSeconds: Self.secondsSince1970, start: UInt32(truncatingIfNeeded: random.next() >> 32))
        requestScanner = RequestHeadScanner(limits: limits)
        responseScanner = ResponseHeadScanner(limits: limits)
        ownRequestScanner = RequestHeadScanner(
            headBytesMax: limits.requestHeadBytes + HeadWriter.growthMax, lineBytesMax: limits.requestLineBytes + 16,
            fieldsMax: limits.headFieldCount + HeadWriter.addedFieldsMax)
        ownAnswerScanner = ResponseHeadScanner(
            headBytesMax: limits.responseHeadBytes + HeadWriter.growthMax,
            fieldsMax: limits.headFieldCount + HeadWriter.addedFieldsMax)
        copyBudget = CopyBudget(bytesMax: limits.copiedBytesTotal)
        bodyReader = BodyReader(bodiesMax: limits.waitingBodies, bytesMax: limits.waitingBodyBytes)
        waterMark = .init(low: limits.writeBufferLowBytes, high: limits.writeBufferHighBytes)
        clientIdleNanoseconds = limits.clientIdleTime.nanosecondsClamped
        headReadNanoseconds = limits.headReadTime.nanosecondsClamped
        bodyIdleNanoseconds = limits.bodyIdleTime.nanosecondsClamped
        lingerNanoseconds = limits.lingerTime.nanosecondsClamped
        trustedRestNanoseconds = limits.upstreamTrustedRest.nanosecondsClamped
        steadyRestNanoseconds = limits.upstreamSteadyRest.nanosecondsClamped
    }

    /// Nanoseconds of a monotonic clock.
    @inline(__always)
    var now: Int64 { Int64(NIODeadline.now().uptimeNanoseconds) }

    private static var secondsSince1970: UInt32 { UInt32(truncatingIfNeeded: time(nil)) }

    func start() {
        let bound = NIOLoopBound(self, eventLoop: loop)
        sweeping = loop.scheduleRepeatedTask(initialDelay: Self.sweepInterval, delay: Self.sweepInterval) { _ in
            bound.value.sweep()
        }
    }

    // MARK: Routes

    /// Replaces all routes at once. Requests in progress finish at their instances.
    ///
    /// - Parameter material: the data that was read from disk for the routes.
    /// - Returns: the report, once each new port was tried or `bindWait` has passed.
    func apply(_ new: AcceptedRoutes, with material: RouteMaterial) -> EventLoopFuture<ProxyReport> {
        accepted = new
        generation = new.routes.generation
        problems = material.problems
        securities = material.securities
        certificateProblems = material.certificateProblems
        heldAddresses = material.heldAddresses
        turn += 1
        var listed: Set<InstanceKey> = []
        var live: [DeploymentKey: LiveRoute] = [:]
        for spec in new.routes.routes { live[spec.deployment] = liveRoute(spec, material, &listed) }
        let former = routes
        routes = live
        for (deployment, tally) in tallies {
            tally.settleQueues(of: live[deployment]?.spec.revisions.map(\.revision) ?? [], now: self.now)
        }
        generate(material.recorded)
        let now = now
        for (key, instance) in instances where instance.isListed && !listed.contains(key) {
            instance.unlist(from: (live[key.deployment] ?? former[key.deployment])?.spec, now: now)
        }
        discardOldTallies()
        wantedPorts = new.wantedPorts
        return answered(after: settlePorts())
    }

    private func liveRoute(
        _ spec: ProxyRoute, _ material: RouteMaterial, _ listed: inout Set<InstanceKey>
    ) -> LiveRoute {
        let tally = tally(of: spec.deployment)
        tally.followUsers(of: spec, limits: limits)
        tally.followSlices(of: spec)
        let revisions = spec.revisions.map { revision -> LiveRevision in
            let instances = revision.upstreams.compactMap { upstream -> Instance? in
                let key = InstanceKey(
                    deployment: spec.deployment, revision: revision.revision, id: upstream.instance)
                guard let address = try? SocketAddress(ipAddress: upstream.host, port: upstream.port) else {
                    return nil  // Validation refuses such addresses.
                }
                listed.insert(key)
                let instance = instance(key, at: address)
                instance.followStreams(
                    to: upstream.rpcPort.flatMap { try? SocketAddress(ipAddress: upstream.host, port: $0) })
                instance.isSticky = spec.routing.isSticky
                instance.slices = tally.slices.map { table in
                    instance.slices.flatMap { $0.table === table ? $0 : nil } ?? SliceTallies(table)
                }
                return instance
            }
            return LiveRevision(
                revision,
                mint: RequestIdSigner(deployment: spec.deployment, revision: revision.revision, key: requestIdKey),
                instances: instances, unserved: tally.follow(revision.revision, turn: turn),
                users: tally.users?.users(of: revision.revision),
                queue: tally.queue(
                    of: revision.revision, limit: spec.concurrency, instances: instances, at: spec.deployment))
        }
        tally.note(turn: turn)
        tally.tidy(turn: turn, revisionsMax: limits.unavailableRevisions)
        return LiveRoute(
            spec, revisions: revisions, tally: tally, former: routes[spec.deployment],
            restored: material.keptUsers[spec.deployment], limits: limits)
    }

    func tally(of deployment: DeploymentKey) -> RouteTally {
        if let tally = tallies[deployment] { return tally }
        let tally = RouteTally()
        tallies[deployment] = tally
        return tally
    }

    /// Counters are kept after their route is removed, so that a deployment that comes back continues with them. Bounded.
    private func discardOldTallies() {
        let gone = tallies.filter { routes[$0.key] == nil }
        let surplus = gone.count - limits.goneRoutes
        guard surplus > 0 else { return }
        for (deployment, _) in gone.sorted(by: { $0.value.seen < $1.value.seen }).prefix(surplus) {
            tallies[deployment] = nil
        }
    }

    private func instance(_ key: InstanceKey, at address: SocketAddress) -> Instance {
        let instance = instances[key] ?? Instance(key, at: address, plane: self)
        instances[key] = instance
        instance.list(at: address)
        return instance
    }

    /// Starts, updates and stops the generators of recorded requests.
    private func generate(_ recorded: [DeploymentKey: RequestLines]) {
        let former = synthetic
        synthetic = [:]
        for (deployment, route) in routes {
            guard let spec = route.spec.generate, let requests = recorded[deployment], !isDraining else { continue }
            let old = former[deployment]
            let same = old.flatMap { $0.spec == spec && $0.recorded == requests ? $0 : nil }
            let traffic = same ?? SyntheticTraffic(spec, requests, former: old, plane: self)
            traffic.follow(route)
            if same == nil { traffic.start() }
            synthetic[deployment] = traffic
        }
        for (deployment, traffic) in former where synthetic[deployment] !== traffic { traffic.stop() }
    }

    /// New certificates are for new connections.
    func renewCertificates(
        _ securities: [DeploymentKey: EndpointSecurity], problems: [DeploymentKey: String],
        heldAddresses: [DeploymentKey: String?]
    ) {
        self.securities = securities
        self.heldAddresses = heldAddresses
        certificateProblems = problems
        for listener in listeners.values { follow(listener.owner, at: listener) }
    }

    /// Users of A/B tests, for each route with new ones since the last call.
    func usersToSave() -> [DeploymentKey: KeptUsers] { routes.compactMapValues { $0.usersToSave() } }

    // MARK: Connections

    /// False if there are too many connections.
    func admit(_ client: ClientConnection) -> Bool {
        client.slot = clients.count
        clients.append(client)
        client.listener.connections += 1
        let hasRoom =
            clients.count + http2Clients.count <= limits.connectionsTotal
            && client.listener.connections <= limits.connectionsPerListener
        if !hasRoom { client.listener.route?.tally.refusedConnections += 1 }
        return hasRoom
    }

    func remove(_ client: ClientConnection) {
        guard client.slot >= 0 else { return }
        client.listener.connections -= 1
        let last = clients.removeLast()
        if last !== client {
            clients[client.slot] = last
            last.slot = client.slot
        }
        client.slot = -1
        if clients.isEmpty { drained?.succeed() }
    }

    /// A client connection speaks HTTP/2.
    func admit(_ client: HTTP2Client) {
        http2Clients[ObjectIdentifier(client)] = client
        client.listener.connections += 1
    }

    func remove(_ client: HTTP2Client) {
        guard http2Clients.removeValue(forKey: ObjectIdentifier(client)) != nil else { return }
        client.listener.connections -= 1
    }

    /// Ends everything whose deadline has passed.
    private func sweep() {
        let now = now
        // Iterates backwards: the last client, which was checked already, takes the place of a removed one.
        var index = clients.count - 1
        while index >= 0 {
            if index < clients.count, clients[index].deadline < now { clients[index].deadlinePassed(now: now) }
            index -= 1
        }
        let oldest = now - limits.upstreamIdleTime.nanosecondsClamped
        var hasOverdue = false
        for client in http2Clients.values { client.look(now: now) }
        for instance in instances.values {
            instance.closeExpiredIdle(since: oldest)
            instance.retireIfIdle(now: now)
            if instance.isOverdue(now: now) { hasOverdue = true }
        }
        for route in routes.values {
            for revision in route.revisions { revision.ejectOutliers(now: now) }
        }
        if hasOverdue { cutOverdue(now: now) }
        forgetRetired(now: now)
        requestWords.atSeconds = Self.secondsSince1970
    }

    /// Cuts off requests that exceed the drain time of an instance that left the routes.
    private func cutOverdue(now: Int64) {
        var index = clients.count - 1
        while index >= 0 {
            if index < clients.count, let deployment = clients[index].cutIfOverdue(now: now) {
                tally(of: deployment).cutRequests += 1
            }
            index -= 1
        }
    }

    private func forgetRetired(now: Int64) {
        var retired = instances.values.filter { $0.retiredAt != nil }
        guard !retired.isEmpty else { return }
        retired.sort { $0.retiredAt! < $1.retiredAt! }
        let oldest = now - limits.retiredTime.nanosecondsClamped
        let surplus = max(0, retired.count - limits.retiredInstances)
        for (index, instance) in retired.enumerated() where index < surplus || instance.retiredAt! < oldest {
            instances[instance.key] = nil
        }
    }

    // MARK: Ending

    /// Accepts no new connections, and lets requests in progress finish within their drain time.
    func drain() -> EventLoopFuture<Void> {
        if let drained { return drained.futureResult }
        isDraining = true
        for listener in listeners.values { listener.close() }
        for traffic in synthetic.values { traffic.stop() }
        let promise = loop.makePromise(of: Void.self)
        drained = promise
        for client in http2Clients.values { client.drain() }
        for client in clients { client.drain() }
        if clients.isEmpty {
            promise.succeed()
        } else {
            let longest = routes.values.reduce(limits.drainTime) { max($0, $1.spec.drainTimeout) }
            loop.scheduleTask(in: .nanoseconds(longest.nanosecondsClamped)) { promise.succeed() }
        }
        return promise.futureResult
    }

    /// Closes all remaining connections.
    func stop() {
        sweeping?.cancel()
        for client in clients.reversed() { client.close() }
        for client in http2Clients.values { client.close() }
        for traffic in synthetic.values { traffic.stop() }
        for instance in instances.values { instance.closeIdle() }
    }
}
