import AsyncHTTPClient
import Foundation

import struct NIOCore.IOError
import struct NIOPosix.NIOConnectionError

/// A short text for a transport error. The error's own description names channels and descriptors.
enum TransportReason {
    private static let characters = 120

    static func text(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            if let first = error.connectionErrors.first { return text(first.error) }
            return "no address for '\(error.host)'"
        case let error as IOError:
            return String(cString: strerror(error.errnoCode)).lowercased()
        case let error as HTTPClientError where error == .connectTimeout:
            return "the connection was not made in time"
        case let error as HTTPClientError where error == .readTimeout:
            return "it sent nothing for too long"
        case let error as HTTPClientError where error == .remoteConnectionClosed:
            return "the connection was closed"
        default:
            return String(String(describing: error).prefix(characters))
        }
    }
}
