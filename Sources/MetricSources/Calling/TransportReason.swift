import AsyncHTTPClient
import Foundation
import NIOSSL

import struct NIOCore.IOError
import struct NIOPosix.NIOConnectionError

/// A short text for a transport error. The error's own description names channels and descriptors.
enum TransportReason {
    private static let characters = 160

    static func text(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            if let first = error.connectionErrors.first { return text(first.error) }
            return "no address for '\(error.host)'"
        case let error as IOError:
            return String(cString: strerror(error.errnoCode)).lowercased()
        case let error as HTTPClientError where error == .connectTimeout:
            return "the connection was not made in time"
        case let error as HTTPClientError where error == .remoteConnectionClosed:
            return "the connection was closed"
        case let error as NIOSSLError:
            return "TLS failed (\(String(describing: error).prefix(characters))): check caFile and the host name"
        default:
            return String(String(describing: error).prefix(characters))
        }
    }
}
