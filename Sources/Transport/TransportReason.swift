import AsyncHTTPClient
import Foundation
import NIOSSL

import struct NIOCore.IOError
import struct NIOPosix.NIOConnectionError

/// A short text for a transport error. The error's own description names channels and descriptors.
package enum TransportReason {
    private static let characters = 160

    /// - Parameter tlsAdvice: what to check where TLS failed.
    package static func text(_ error: any Error, tlsAdvice: String? = nil) -> String {
        switch error {
        case let error as NIOConnectionError:
            if let first = error.connectionErrors.first { return text(first.error, tlsAdvice: tlsAdvice) }
            return "no address for '\(error.host)'"
        case let error as IOError:
            return String(cString: strerror(error.errnoCode)).lowercased()
        case let error as HTTPClientError where error == .connectTimeout:
            return "the connection was not made in time"
        case let error as HTTPClientError where error == .readTimeout:
            return "it sent nothing for too long"
        case let error as HTTPClientError where error == .remoteConnectionClosed:
            return "the connection was closed"
        case let error as NIOSSLError:
            return "TLS failed (\(String(describing: error).prefix(characters)))" + (tlsAdvice.map { ": \($0)" } ?? "")
        default:
            return String(String(describing: error).prefix(characters))
        }
    }
}
