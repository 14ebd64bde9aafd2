import NIOCore

/// How long a connection may be dead before somebody notices.
///
/// A watch writes nothing, and all requests share one HTTP/2 connection: when the peer vanishes without a word (a
/// partition, a failed-over load balancer), only the kernel can tell, and by default it takes a quarter of an hour.
enum ConnectionPatience {
    /// Of silence, before the kernel asks whether the peer is there.
    static let keepAliveIdleSeconds: Int = 15
    static let keepAliveIntervalSeconds: Int = 5
    static let keepAliveProbes: Int = 3
    /// That written data may stay unacknowledged.
    static let unacknowledgedMs: Int = 30_000

    /// `tcp(7)` on Linux; the names are not in the imported headers of every libc.
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
        // A system without one of them still works, with less care.
        return EventLoopFuture.andAllComplete(settings, on: channel.eventLoop)
    }
}
