import Foundation
import NIOCore
import NIOPosix
import SafeText
import Transport

/// Where the controller listens: `127.0.0.1:8090`, `[::1]:8090`, `localhost:0`, or `:8090` for every address.
public struct ListenAddress: Hashable, Sendable, CustomStringConvertible {
    public var host: String
    /// 0: a free port, which the server reports when it listens.
    public var port: Int

    public init(host: String = "127.0.0.1", port: Int = 8090) {
        self.host = host
        self.port = port
    }

    /// - Throws: `ListenError.malformed`.
    public init(parsing text: String) throws(ListenError) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else { throw .malformed(text) }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            throw .malformed(text)
        }
        guard !host.contains(where: { $0.isWhitespace || $0 == "/" }) else { throw .malformed(text) }
        self.init(host: host.isEmpty ? "0.0.0.0" : String(host), port: port)
    }

    /// With a port that is free now, in place of 0: for those who have to know it before it is listened on.
    /// - Throws: `ListenError.unavailable` where the host cannot be listened on.
    public func withFreePort() throws(ListenError) -> ListenAddress {
        guard port == 0 else { return self }
        do {
            let channel = try NIOPosix.ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .bind(host: host, port: 0).wait()
            let found = channel.localAddress?.port
            try channel.close().wait()
            guard let found else { throw ListenError.unavailable(self, reason: "no port is free") }
            return ListenAddress(host: host, port: found)
        } catch let error as ListenError {
            throw error
        } catch {
            throw .unavailable(self, reason: TransportReason.text(error))
        }
    }

    /// Reachable from this machine only.
    public var isLoopback: Bool {
        if host == "::1" || host.lowercased() == "localhost" { return true }
        let octets = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        return octets.count == 4 && !octets.contains(nil) && octets[0] == 127
    }

    public var description: String { Escape.authority(host, port) }
}

/// Why the API cannot be opened there.
public enum ListenError: Error, Hashable, CustomStringConvertible {
    case malformed(String)
    /// Not a loopback address, and no token.
    case unprotected(ListenAddress)
    case unavailable(ListenAddress, reason: String)

    public var description: String {
        switch self {
        case .malformed(let text):
            "'\(text)' is no address to listen on; write HOST:PORT, such as 127.0.0.1:8090 or [::1]:8090"
        case .unprotected(let address):
            "will not listen on \(address) without a token that somebody else was given: nobody could ask anything there. "
                + "Name tokens (or a tokenFile) in the settings, set MLCTL_TOKEN, or listen on 127.0.0.1:\(address.port)"
        case .unavailable(let address, let reason):
            "cannot listen on \(address): \(reason). Is another controller running? Choose another with --listen"
        }
    }
}
