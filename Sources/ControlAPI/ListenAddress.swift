import Foundation
import NIOCore
import NIOPosix
import SafeText
import Transport

/// The address that the controller listens on: `127.0.0.1:8090`, `[::1]:8090`, `localhost:0`, or `:8090` for all addresses.
package struct ListenAddress: Hashable, Sendable, CustomStringConvertible {
    package var host: String
    /// 0 stands for any free port; the server reports it when it listens.
    package var port: Int

    package init(host: String = "127.0.0.1", port: Int = 8090) {
        self.host = host
        self.port = port
    }

    /// - Throws: `ListenError.malformed`.
    package init(parsing text: String) throws(ListenError) {
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

    /// Replaces port 0 with a port that is free now, for callers that must know it before the server listens.
    /// - Throws: `ListenError.unavailable` if it is not possible to listen on the host.
    package func withFreePort() throws(ListenError) -> ListenAddress {
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

    /// Whether only this machine can reach it.
    package var isLoopback: Bool {
        if host == "::1" || host.lowercased() == "localhost" { return true }
        let octets = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        return octets.count == 4 && !octets.contains(nil) && octets[0] == 127
    }

    package var description: String { Escape.authority(host, port) }
}

/// Why the API cannot listen on an address.
package enum ListenError: Error, Hashable, CustomStringConvertible {
    case malformed(String)
    /// It is not a loopback address, and there is no token.
    case unprotected(ListenAddress)
    case unavailable(ListenAddress, reason: String)

    package var description: String {
        switch self {
        case .malformed(let text):
            "'\(text)' is not an address to listen on; write HOST:PORT, such as 127.0.0.1:8090 or [::1]:8090"
        case .unprotected(let address):
            "mlctl does not listen on \(address) without a token for other users: nobody could send a request there. "
                + "Name tokens (or a tokenFile) in the settings, set MLCTL_TOKEN, or listen on 127.0.0.1:\(address.port)"
        case .unavailable(let address, let reason):
            "cannot listen on \(address): \(reason). Is another controller running? Choose another address with --listen"
        }
    }
}
