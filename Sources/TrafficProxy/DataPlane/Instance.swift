import ModelManifests
import NIOCore
import NIOPosix
import SafeText
import Serving

struct InstanceKey: Hashable, Sendable {
    var deployment: DeploymentKey
    var revision: Revision
    var id: String
}

/// One model server: its connections, the requests that wait for a connection, and its counters.
///
/// A connection belongs to the instance, not to the request that opened it: the next free connection serves the request that
/// waits longest.
final class Instance {
    let key: InstanceKey
    private(set) var address: SocketAddress
    private(set) var hostField: [UInt8]
    /// Grows when the instance's address changes. Connections to an old address are not reused.
    private(set) var move = 0
    /// The route is sticky, so not every user request is evidence.
    var isSticky = false
    /// Evidence: every request of a random route, or the first request of each user of a sticky route.
    private(set) var evidence = InstanceCounters()
    /// Clumps of failures in the evidence.
    private(set) var together = FailureClumps()
    /// All user requests.
    private(set) var traffic = InstanceCounters()
    /// Evidence by slice. Nil if there are no slices.
    var slices: SliceTallies?
    /// Observed values and shadow pairs.
    var tallies = InstanceTallies()
    var synthetic = InstanceCounters()
    var preview = InstanceCounters()
    var failedIds: FailedRequestIds
    var ejection: Ejection
    var recent = RecentPerformance()
    /// Ejections because it served worse than its siblings.
    var outlier: Ejection
    private(set) var outlierCause: OutlierCause?
    private(set) var inFlight = 0
    /// The queue of requests that wait for room here. Nil without a concurrency limit.
    var queue: AdmissionQueue?
    /// When it left the routes and its last request ended. Nil while it is listed or has requests in progress.
    private(set) var retiredAt: Int64?
    private(set) var isListed = true
    /// For an instance that left the routes: when its requests, and when its streams, are cut off.
    private(set) var drainDeadline = Int64.max
    private(set) var streamDeadline = Int64.max

    private unowned let plane: DataPlane
    private var idle: [UpstreamConnection] = []
    private var waiting = CircularBuffer<any UpstreamCaller>()
    private var connecting = 0
    /// Connections by HTTP/2. Nil if the instance has no port for them.
    private var streams: InstanceStreams?
    /// Includes connections that are being opened.
    private(set) var openConnections = 0

    init(_ key: InstanceKey, at address: SocketAddress, plane: DataPlane) {
        self.key = key
        self.address = address
        self.plane = plane
        hostField = Array(address.authority.utf8)
        failedIds = FailedRequestIds(capacity: plane.limits.failedRequestIds)
        ejection = Ejection(min: plane.limits.ejectionTimeMin, max: plane.limits.ejectionTimeMax)
        outlier = Ejection(min: plane.limits.outlierTimeMin, max: plane.limits.outlierTimeMax)
    }

    // MARK: In and out of the routes

    func list(at address: SocketAddress) {
        // An instance that comes back may be another process. The number of earlier ejections still counts.
        if !isListed { comesBack() }
        isListed = true
        retiredAt = nil
        drainDeadline = .max
        streamDeadline = .max
        guard address != self.address else { return }
        self.address = address
        move += 1
        hostField = Array(address.authority.utf8)
        ejection.succeeded()
        comesBack()
        closeIdle()
    }

    private func comesBack() {
        outlier.end()
        outlierCause = nil
        recent = RecentPerformance()
    }

    /// Stops new requests. The instance finishes those it has.
    /// - Parameter route: the route that listed it.
    func unlist(from route: ProxyRoute?, now: Int64) {
        isListed = false
        queue = nil
        drainDeadline = now.addingClamped(route?.drainTimeout.nanosecondsClamped ?? .max)
        streamDeadline = now.addingClamped(route?.streamTimeout.nanosecondsClamped ?? .max)
        closeIdle()
    }

    /// Whether some of its requests must be cut off.
    func isOverdue(now: Int64) -> Bool { inFlight > 0 && now > min(drainDeadline, streamDeadline) }

    func retireIfIdle(now: Int64) {
        if !isListed, inFlight == 0, retiredAt == nil { retiredAt = now }
    }

    /// - Parameter address: where it speaks HTTP/2. Nil if nowhere.
    func followStreams(to address: SocketAddress?) {
        guard address != streams?.address else { return }
        let former = streams
        streams = address.map { InstanceStreams(to: $0, of: self, plane: plane) }
        for caller in former?.retire() ?? [] where streams?.enqueue(caller, first: false) != true {
            caller.attemptFailed(.untaken, "\(described) has no port for gRPC any more")
        }
    }

    /// Whether it has a port for gRPC calls.
    var answersCalls: Bool { streams != nil }

    // MARK: Ejection

    @inline(__always)
    func isCurrentlyEjected(now: Int64) -> Bool {
        ejection.isEjected(nowNanoseconds: now) || outlier.isEjected(nowNanoseconds: now)
    }

    /// Ejects the instance because it serves much worse than its siblings.
    func ejectAsOutlier(_ cause: OutlierCause, now: Int64) {
        outlier.failed(nowNanoseconds: now)
        outlierCause = cause
        recent = RecentPerformance()
    }

    /// Ends an ejection whose time is over, so that the instance is tried again.
    func endOutlierEjection(now: Int64) {
        if outlierCause != nil, !outlier.isEjected(nowNanoseconds: now) { outlierCause = nil }
        if recent.requests >= Self.requestsToProve, recent.failuresInARow == 0 { outlier.succeeded() }
    }

    /// After this many requests without a recent failure, the next ejection is as short as the first.
    private static let requestsToProve = 1_000

    // MARK: Requests in progress

    @inline(__always)
    func enter() { inFlight += 1 }

    /// Records that a request has left the instance.
    @inline(__always)
    func leave() {
        inFlight -= 1
        if let queue, !queue.isEmpty { queue.instanceFreed(now: plane.now) }
    }

    /// Whether it has its maximum number of requests.
    var isFull: Bool { queue.map { !$0.hasRoom(at: self) } ?? false }

    // MARK: Connections

    /// An idle connection that is still open. The most recently used one comes first.
    @inline(__always)
    func takeIdle(now: Int64) -> UpstreamConnection? {
        while let connection = idle.popLast() {
            let rest = now - connection.restingSince
            if rest < plane.trustedRestNanoseconds || connection.isAlive() {
                connection.wake(wasIdle: rest >= plane.steadyRestNanoseconds)
                return connection
            }
            connection.close()
        }
        return nil
    }

    /// - Parameter first: the request was sent before, on a connection that turned out to be closed. It gets the next connection,
    ///   which is a new one.
    /// - Returns: false if too many requests wait.
    func enqueue(_ caller: any UpstreamCaller, first: Bool = false) -> Bool {
        // An instance whose only port speaks HTTP/2 gets everything by it.
        if let streams, caller.isCall || streams.address == address { return streams.enqueue(caller, first: first) }
        guard waiting.count < plane.limits.pendingRequests else { return false }
        if first { waiting.prepend(caller) } else { waiting.append(caller) }
        openAsNeeded()
        return true
    }

    func cancel(_ caller: any UpstreamCaller) {
        streams?.cancel(caller)
        if let index = waiting.firstIndex(where: { $0 === caller }) { waiting.remove(at: index) }
    }

    @inline(__always)
    func release(_ connection: UpstreamConnection, now: Int64) {
        guard isListed || !waiting.isEmpty, connection.move == move, connection.isOpen else {
            connection.close()
            return
        }
        if let caller = waiting.popFirst() {
            caller.attach(connection)
            return
        }
        connection.rest(since: now)
        idle.append(connection)
    }

    func connectionClosed(_ connection: UpstreamConnection) {
        openConnections -= 1
        if let index = idle.lastIndex(where: { $0 === connection }) { idle.remove(at: index) }
        openAsNeeded()
    }

    func closeIdle() {
        let resting = idle
        idle.removeAll()
        for connection in resting { connection.close() }
        streams?.closeIdle()
    }

    /// Closes connections that have been idle too long. The longest idle one is first.
    func closeExpiredIdle(since oldest: Int64) {
        guard let first = idle.first, first.restingSince < oldest else { return }
        let rested = idle.prefix { $0.restingSince < oldest }
        idle.removeFirst(rested.count)
        for connection in rested { connection.close() }
    }

    private func openAsNeeded() {
        while connecting < waiting.count, openConnections < plane.limits.upstreamConnections {
            connecting += 1
            openConnections += 1
            open()
        }
    }

    private func open() {
        let (move, loop) = (move, plane.loop)
        let connection = UpstreamConnection(instance: self, plane: plane, move: move)
        let bound = NIOLoopBound(connection, eventLoop: loop)
        let connect = ClientBootstrap(group: loop)
            .connectTimeout(.nanoseconds(plane.limits.connectTime.nanosecondsClamped))
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            // With half-closure, the end of a connection is reported while its socket is still open. So the socket can tell how
            // many bytes have arrived.
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.writeBufferWaterMark, value: plane.waterMark)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(bound.value)
                }
            }
        connect.connect(to: address).assumeIsolated().whenComplete { result in
            self.connecting -= 1
            switch result {
            case .success:
                self.ejection.succeeded()
                self.release(connection, now: self.plane.now)
            case .failure: self.connectFailed(move)
            }
        }
    }

    private func connectFailed(_ move: Int) {
        openConnections -= 1
        // A failure at an old address says nothing about the instance at its current address.
        if move == self.move { ejection.failed(nowNanoseconds: plane.now) }
        waiting.popFirst()?.attemptFailed(
            .connect, "\(described) refused the connection at \(address.authority)")
        openAsNeeded()
    }

    // MARK: Counting

    /// Counts a finished user request, or a finished copy of one.
    /// - Returns: its latency bucket.
    @inline(__always)
    @discardableResult
    func count(_ outcome: RequestOutcome, nanoseconds: Int64, endedAt end: Int64, isEvidence: Bool) -> Int {
        let bucket = traffic.record(outcome, nanoseconds: nanoseconds)
        guard isEvidence else { return bucket }
        evidence.record(outcome, nanoseconds: nanoseconds)
        together.note(isError: outcome.isError, bucket: bucket, at: end)
        return bucket
    }

    /// Counts a request whose client gave up.
    /// - Returns: the bucket of the time that the client waited.
    func countAbandoned(afterNanoseconds waited: Int64, at now: Int64, isEvidence: Bool) -> Int {
        let bucket = traffic.recordAbandoned(afterNanoseconds: waited)
        guard isEvidence else { return bucket }
        evidence.recordAbandoned(afterNanoseconds: waited)
        together.note(isError: false, isAnswer: false, bucket: bucket, at: now)
        return bucket
    }

    // MARK: Report

    var described: String { "instance \(key.id) of revision \(key.revision)" }

    func report(now: Int64) -> InstanceReport {
        var counters = evidence.report
        counters.errorsTogether = together.errors
        counters.slowTogether = together.slow
        if isSticky { counters.every = traffic.every }
        tallies.enter(&counters)
        counters.slices = slices?.report
        counters.synthetic = synthetic.syntheticReport
        return InstanceReport(
            deployment: key.deployment, revision: key.revision, instance: key.id, counters: counters,
            inFlight: inFlight, ejected: isCurrentlyEjected(now: now), isListed: isListed,
            failedRequestIds: failedIds.newestLast, outlier: outlierCause)
    }
}

extension SocketAddress {
    /// `host:port`, as in a Host field.
    var authority: String { Escape.authority(ipAddress ?? Upstream.loopback, port ?? 0) }
}
