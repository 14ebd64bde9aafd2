import Glibc
import NIOCore
import NIOPosix

/// The user at the other end of a local socket, as the kernel recorded it when that end was opened (unix(7), SO_PEERCRED).
enum PeerCredentials {
    /// `struct ucred`.
    private struct Credentials: Sendable {
        var pid: Int32 = 0
        var user: UInt32 = 0
        var group: UInt32 = 0
    }

    /// Nil if the kernel does not say; the peer is then unverified.
    static func user(of channel: any Channel) -> EventLoopFuture<UInt32?> {
        guard let provider = channel as? any SocketOptionProvider else {
            return channel.eventLoop.makeSucceededFuture(nil)
        }
        let found: EventLoopFuture<Credentials> = provider.unsafeGetSocketOption(
            level: SocketOptionLevel(SOL_SOCKET), name: SocketOptionName(SO_PEERCRED))
        return found.map { $0.user }.flatMapErrorThrowing { _ in nil }
    }
}

/// A user's name on this machine.
enum UserName {
    private static let mostBytes = 16 << 10

    /// The user's number if it has no name.
    static func of(_ user: UInt32) -> String {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: mostBytes)
        guard getpwuid_r(user, &entry, &buffer, buffer.count, &found) == 0, found != nil, let name = entry.pw_name
        else {
            return String(user)
        }
        return String(cString: name)
    }
}
