import Glibc
import NIOCore
import Synchronization

/// The open connections of one listener. `ConnectionQuota` decides which ones to close.
final class ConnectionTable: Sendable {
    private struct State {
        var ledger: ConnectionQuota
        var channels: [ObjectIdentifier: any Channel] = [:]
        var localUsers: [ObjectIdentifier: String] = [:]
    }

    private let state: Mutex<State>

    init(limits: ConnectionLimits) { state = Mutex(State(ledger: ConnectionQuota(limits: limits))) }

    var count: Int { state.withLock { $0.ledger.count } }

    /// - Parameter localUser: the user at the other end, as reported by the kernel; nil for network connections.
    func open(_ channel: any Channel, localUser: String?) {
        let id = ObjectIdentifier(channel)
        let peer = localUser.map { Caller.localPrefix + $0 } ?? PeerName.of(channel.remoteAddress)
        let leaving = state.withLock { state in
            state.channels[id] = channel
            state.localUsers[id] = localUser
            return state.ledger.open(id, from: peer).compactMap { state.channels.removeValue(forKey: $0) }
        }
        channel.closeFuture.whenComplete { [weak self] _ in self?.forget(id) }
        for channel in leaving { channel.close(promise: nil) }
    }

    func prove(_ channel: any Channel, caller: String) -> Bool {
        state.withLock { $0.ledger.prove(ObjectIdentifier(channel), caller: caller) }
    }

    func doubt(_ channel: any Channel) { state.withLock { $0.ledger.doubt(ObjectIdentifier(channel)) } }

    func localUser(of channel: any Channel) -> String? {
        state.withLock { $0.localUsers[ObjectIdentifier(channel)] }
    }

    private func forget(_ id: ObjectIdentifier) {
        state.withLock { state in
            state.ledger.close(id)
            state.channels[id] = nil
            state.localUsers[id] = nil
        }
    }
}

/// The peer that a connection is counted for.
enum PeerName {
    /// An IPv4 address, or the /64 network of an IPv6 address, because one machine can use a whole /64.
    static func of(_ address: SocketAddress?) -> String {
        switch address {
        case .v4(let address): text(address.address.sin_addr)
        case .v6(let address): text(address.address.sin6_addr)
        case .unixDomainSocket: "local"
        case nil: "unknown"
        }
    }

    private static func text(_ address: in_addr) -> String {
        withUnsafeBytes(of: address) { $0.map(String.init).joined(separator: ".") }
    }

    private static func text(_ address: in6_addr) -> String {
        withUnsafeBytes(of: address) { bytes in
            // An IPv4-mapped IPv6 address counts as its IPv4 address.
            if bytes.prefix(10).allSatisfy({ $0 == 0 }), bytes[10] == 0xFF, bytes[11] == 0xFF {
                return bytes.suffix(4).map(String.init).joined(separator: ".")
            }
            return bytes.prefix(8).map { String($0, radix: 16) }.joined(separator: ":") + "/64"
        }
    }
}
