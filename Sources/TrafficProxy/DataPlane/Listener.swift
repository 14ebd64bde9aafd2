import NIOCore
import NIOPosix
import NIOSSL
import SafeText
import Serving

/// One port. If it cannot be bound, this is reported and retried with increasing delay. The other ports keep serving.
final class Listener {
    let port: Int
    private(set) var host: String
    /// What new connections get.
    var security = EndpointSecurity.clear
    /// Nil until the port is open and its owner has moved to it.
    var owner: PortOwner?
    /// The route that answers here. Nil once the endpoint is removed.
    var route: LiveRoute?
    /// At a preview port, the only revision that answers.
    var preview: LiveRevision?
    private(set) var isRemoved = false
    private(set) var error: String?
    var connections = 0

    private unowned let plane: DataPlane
    private var channel: (any Channel)?
    private var retryNanoseconds: Int64
    private var retry: Scheduled<Void>?

    init(port: Int, host: String, plane: DataPlane) {
        self.port = port
        self.host = host
        self.plane = plane
        retryNanoseconds = plane.limits.bindRetryMin.nanosecondsClamped
    }

    var isListening: Bool { channel != nil }

    /// The actual port, if any free port was requested.
    var boundPort: Int { channel?.localAddress?.port ?? port }

    /// Completes after the first attempt, whether it succeeds or fails.
    func bind() -> EventLoopFuture<Void> {
        let host = host
        let bound = NIOLoopBound((self, plane), eventLoop: plane.loop)
        let bootstrap = ServerBootstrap(group: plane.loop)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.maxMessagesPerRead, value: 64)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.writeBufferWaterMark, value: plane.waterMark)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let (listener, plane) = bound.value
                    let client = ClientConnection(plane: plane, listener: listener)
                    if let context = try listener.tls() {
                        client.awaitsHandshake()
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                    }
                    try channel.pipeline.syncOperations.addHandler(client)
                }
            }
        let done = plane.loop.makePromise(of: Void.self)
        bootstrap.bind(host: host, port: port).assumeIsolated().whenComplete { result in
            self.tried(result, at: host)
            done.succeed()
        }
        return done.futureResult
    }

    private func tried(_ result: Result<any Channel, any Error>, at host: String) {
        // It has moved to another address meanwhile, where it has been bound since.
        guard host == self.host else {
            if case .success(let channel) = result { channel.close(promise: nil) }
            return
        }
        switch result {
        case .success(let channel):
            guard !isRemoved, !plane.isDraining else {
                channel.close(promise: nil)
                return
            }
            self.channel = channel
            error = nil
            plane.portOpened()
        case .failure(let failure):
            guard !isRemoved, !plane.isDraining else { return }
            let reason = (failure as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(failure)"
            error = "cannot listen on \(Escape.authority(host, port)): \(reason)"
            plane.logger.warning("endpoint cannot be opened", metadata: ["port": "\(port)", "reason": "\(reason)"])
            let bound = NIOLoopBound(self, eventLoop: plane.loop)
            retry = plane.loop.scheduleTask(in: .nanoseconds(retryNanoseconds)) { _ = bound.value.bind() }
            retryNanoseconds = min(retryNanoseconds * 2, plane.limits.bindRetryMax.nanosecondsClamped)
        }
    }

    /// - Returns: nil for connections without TLS.
    /// - Throws: if the connection must not be accepted.
    private func tls() throws -> NIOSSLContext? {
        switch security {
        case .clear: return nil
        case .tls(let context): return context
        case .unusable(let problem): throw ProxyError(.certificate, problem)
        }
    }

    /// Moves to another address of the machine. Open connections stay.
    func listen(at host: String) {
        guard host != self.host else { return }
        self.host = host
        close()
        retryNanoseconds = plane.limits.bindRetryMin.nanosecondsClamped
        plane.logger.info("endpoint moves to another address", metadata: ["port": "\(port)", "address": "\(host)"])
        _ = bind()
    }

    /// Accepts no new connections.
    func close() {
        retry?.cancel()
        retry = nil
        channel?.close(promise: nil)
        channel = nil
    }

    func remove() {
        isRemoved = true
        owner = nil
        route = nil
        preview = nil
        close()
    }
}
