import NIOCore
import NIOPosix
import Serving

/// One port. A port that cannot be bound is reported and tried again, ever more seldom; the others serve.
final class Listener {
    let port: Int
    /// Nil until the port is open and its owner has moved here.
    var owner: PortOwner?
    /// What answers here; nil once the endpoint is removed.
    var route: LiveRoute?
    /// The one revision that answers here, at a preview port.
    var preview: LiveRevision?
    private(set) var isRemoved = false
    private(set) var error: String?
    var connections = 0

    private unowned let plane: DataPlane
    private var channel: (any Channel)?
    private var retryNanoseconds: Int64
    private var retry: Scheduled<Void>?

    init(port: Int, plane: DataPlane) {
        self.port = port
        self.plane = plane
        retryNanoseconds = plane.limits.bindRetryMin.nanosecondsClamped
    }

    var isListening: Bool { channel != nil }

    /// The port in truth, where any was asked for.
    var boundPort: Int { channel?.localAddress?.port ?? port }

    /// Completes when the first try has ended, either way.
    func bind() -> EventLoopFuture<Void> {
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
                    try channel.pipeline.syncOperations.addHandler(client)
                }
            }
        let done = plane.loop.makePromise(of: Void.self)
        bootstrap.bind(host: plane.host, port: port).assumeIsolated().whenComplete { result in
            self.tried(result)
            done.succeed()
        }
        return done.futureResult
    }

    private func tried(_ result: Result<any Channel, any Error>) {
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
            error = "cannot listen on \(plane.host):\(port): \(reason)"
            plane.logger.warning("endpoint cannot be opened", metadata: ["port": "\(port)", "reason": "\(reason)"])
            let bound = NIOLoopBound(self, eventLoop: plane.loop)
            retry = plane.loop.scheduleTask(in: .nanoseconds(retryNanoseconds)) { _ = bound.value.bind() }
            retryNanoseconds = min(retryNanoseconds * 2, plane.limits.bindRetryMax.nanosecondsClamped)
        }
    }

    /// Accepts nobody any more.
    func close() {
        retry?.cancel()
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
