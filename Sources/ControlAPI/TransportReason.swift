import AsyncHTTPClient
import Foundation
import NIOSSL

import struct NIOCore.IOError
import struct NIOPosix.NIOConnectionError

/// A transport's error in a few words: its own descriptions name channels and descriptors.
enum TransportReason {
    private static let characters = 120

    /// Why whoever answers cannot be trusted, and which option helps; nil where that is not what is wrong.
    static func untrusted(_ error: any Error) -> String? {
        if let error = error as? NIOConnectionError, let first = error.connectionErrors.first {
            return untrusted(first.error)
        }
        guard
            error is NIOSSLError || error is BoringSSLError || error is NIOSSLExtraError || error is CertificateProblem
        else { return nil }
        let words = String(describing: error)
        if (error as? NIOSSLExtraError) == .failedToValidateHostname {
            return "its certificate is for another name: write --server with a name that is in the certificate"
        }
        for (mark, reason) in reasons where words.contains(mark) { return reason }
        return (error as? CertificateProblem)?.description ?? "TLS failed: \(words.prefix(characters))"
    }

    private static let reasons = [
        (
            "CERTIFICATE_VERIFY_FAILED",
            "its certificate cannot be verified. Where its authority is not one of this machine's, name that with --ca-file "
                + "FILE or MLCTL_CA_FILE"
        ),
        (
            "CERTIFICATE_REQUIRED",
            "it lets in only those who show a certificate: name yours with --cert-file and --key-file"
        ),
        ("BAD_CERTIFICATE", "it does not take the certificate of --cert-file: ask whoever runs it for another one"),
        ("UNKNOWN_CA", "it does not know the authority of --cert-file: ask whoever runs it for another certificate"),
        ("WRONG_VERSION_NUMBER", "it does not speak TLS: write http:// in --server, if that is meant"),
    ]

    static func text(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            if let first = error.connectionErrors.first { return text(first.error) }
            return "no address for '\(error.host)'"
        case let error as IOError:
            return String(cString: strerror(error.errnoCode)).lowercased()
        case let error as HTTPClientError where error == .connectTimeout:
            return "no connection in time"
        case let error as HTTPClientError where error == .readTimeout:
            return "silence for too long"
        case let error as HTTPClientError where error == .remoteConnectionClosed:
            return "the connection was closed"
        default:
            return String(String(describing: error).prefix(characters))
        }
    }
}
