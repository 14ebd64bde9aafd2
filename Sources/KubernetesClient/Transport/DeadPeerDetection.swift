import NIOCore

/// How long a connection may be dead before the kernel notices.
///
/// A watch sends nothing, and all requests share one HTTP/2 connection. If the peer vanishes without closing it (a partition,
/// a failed-over load balancer), only the kernel can notice, and by default that takes a quarter of an hour.
enum DeadPeerDetection {
    /// Silence before the first keep-alive probe.
    static let keepAliveIdleSeconds: Int = 15
    static let keepAliveIntervalSeconds: Int = 5
    static let keepAliveProbes: Int = 3
    /// How long sent data may stay unacknowledged.
    static let unacknowledgedMs: Int = 30_000

    /// Option numbers from `tcp(7)` on Linux: not every libc's imported headers have the names.
    private static let idle: CInt = 4
    private static let interval: CInt = 5
    private static let probes: CInt = 6
    private static let userTimeout: CInt = 18

    @Sendable static func configure(_ channel: any Channel) -> EventLoopFuture<Void> {
        let numbers = [
            (idle, keepAliveIdleSeconds), (interval, keepAliveIntervalSeconds), (probes, keepAliveProbes),
            (userTimeout, unacknowledgedMs),
        ]
        var settings = [channel.setOption(.socketOption(.so_keepalive), value: 1)]
        for (option, value) in numbers {
            settings.append(channel.setOption(.tcpOption(NIOBSDSocket.Option(rawValue: option)), value: value))
        }
        // A system without one of these options still works; it notices dead connections later.
        return EventLoopFuture.andAllComplete(settings, on: channel.eventLoop)
    }
}
