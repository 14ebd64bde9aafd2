import NIOCore
import NIOPosix

/// The HTTP/2 connections to one instance, and the requests that wait for a stream.
///
/// Requests share connections: another connection is opened only when all have their maximum number of requests.
final class InstanceStreams {
    /// A request whose stream is being opened.
    private final class Opening {
        /// Nil once the request was given up.
        var caller: (any UpstreamCaller)?

        init(_ caller: any UpstreamCaller) { self.caller = caller }
    }

    let address: SocketAddress
    private unowned let instance: Instance
    private unowned let plane: DataPlane
    private var links: [InstanceLink] = []
    private var connecting = 0
    private var waiting = CircularBuffer<any UpstreamCaller>()
    private var openings: [Opening] = []
    /// The instance has another address now, or left the routes.
    private var isRetired = false

    init(to address: SocketAddress, of instance: Instance, plane: DataPlane) {
        self.address = address
        self.instance = instance
        self.plane = plane
    }

    static func noPort(of instance: Instance) -> String {
        "\(instance.described) has no port for gRPC. Add ports: [{name: grpc, protocol: h2c}] to its runtime."
    }

    var openConnections: Int { links.count }

    /// - Returns: false if too many requests wait.
    func enqueue(_ caller: any UpstreamCaller, first: Bool) -> Bool {
        guard waiting.count < plane.limits.pendingRequests else { return false }
        if first { waiting.prepend(caller) } else { waiting.append(caller) }
        serve()
        return true
    }

    func cancel(_ caller: any UpstreamCaller) {
        if let index = waiting.firstIndex(where: { $0 === caller }) { waiting.remove(at: index) }
        for opening in openings where opening.caller === caller { opening.caller = nil }
    }

    /// Ends connections without a request. The others end with their last request.
    func closeIdle() {
        for link in links where !link.isLeaving { link.leave() }
    }

    /// The instance has moved. Requests in progress finish at the old address.
    /// - Returns: the requests that still wait.
    func retire() -> CircularBuffer<any UpstreamCaller> {
        isRetired = true
        closeIdle()
        defer { waiting.removeAll() }
        return waiting
    }

    /// Gives waiting requests to connections with room, and opens more connections if there are too few.
    func serve() {
        while !waiting.isEmpty, let link = links.filter(\.hasRoom).min(by: { $0.streams < $1.streams }),
            let caller = waiting.popFirst()
        {
            open(caller, on: link)
        }
        let usable = links.count { !$0.isLeaving }
        while connecting * plane.limits.upstreamStreamsPerConnection < waiting.count,
            usable + connecting < plane.limits.upstreamHTTP2Connections, !isRetired
        {
            connecting += 1
            connect()
        }
    }

    private func open(_ caller: any UpstreamCaller, on link: InstanceLink) {
        let opening = Opening(caller)
        openings.append(opening)
        link.open(plane, instance) { connection in
            self.openings.removeAll { $0 === opening }
            guard let caller = opening.caller else {
                connection?.close()
                return
            }
            if let connection {
                caller.attach(connection)
            } else {
                caller.attemptFailed(.untaken, "\(self.instance.described) closed the connection")
            }
        }
    }

    private func connect() {
        let link = InstanceLink(pool: self, limits: plane.limits)
        let bound = NIOLoopBound(link, eventLoop: plane.loop)
        ClientBootstrap(group: plane.loop)
            .connectTimeout(.nanoseconds(plane.limits.connectTime.nanosecondsClamped))
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.writeBufferWaterMark, value: plane.waterMark)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try bound.value.install(in: channel) }
            }
            .connect(to: address).assumeIsolated().whenComplete { result in
                self.connecting -= 1
                switch result {
                case .success:
                    self.instance.ejection.succeeded()
                    self.links.append(link)
                    if self.isRetired { link.leave() }
                    self.serve()
                case .failure: self.connectFailed()
                }
            }
    }

    /// Everything that waits was meant for this connection.
    private func connectFailed() {
        if !isRetired { instance.ejection.failed(nowNanoseconds: plane.now) }
        guard links.allSatisfy({ !$0.hasRoom }), connecting == 0 else { return }
        // Those that come back to this instance wait for another connection.
        let failed = waiting
        waiting.removeAll()
        for caller in failed {
            caller.attemptFailed(.connect, "\(instance.described) refused the connection at \(address.authority)")
        }
    }

    func linkClosed(_ link: InstanceLink) {
        links.removeAll { $0 === link }
        serve()
    }
}
