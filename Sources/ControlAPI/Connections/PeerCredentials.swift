import Glibc
import NIOCore
import NIOPosix

/// Who is at the other end of a local socket, as the kernel says: whoever opened that end (unix(7), SO_PEERCRED).
enum PeerCredentials {
    /// `struct ucred`.
    private struct Credentials: Sendable {
        var pid: Int32 = 0
        var user: UInt32 = 0
        var group: UInt32 = 0
    }

    /// Nil where the kernel does not say: then nothing is proved.
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

    /// Its number where it has none.
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
