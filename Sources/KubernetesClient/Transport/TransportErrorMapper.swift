import AsyncHTTPClient
import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Transport

/// Turns a failed call into an error that says what it means and what to do.
final class TransportErrorMapper: Sendable {
    private static let maximumCharacters = 160
    /// The shortest time between two probes of the server's certificate.
    private static let lookAgainAfter = Duration.seconds(60)

    private let address: ServerAddress
    private let trust: ServerTrust
    private let stopwatch: ClientClock
    /// The last result of a probe, and when it was made.
    private let finding = Mutex<(at: Duration, text: String)?>(nil)

    init(address: ServerAddress, trust: ServerTrust, stopwatch: ClientClock) {
        self.address = address
        self.trust = trust
        self.stopwatch = stopwatch
    }

    /// Returns an `APIError`, or `CancellationError` if the caller was cancelled.
    func error(_ error: any Error, request: APIRequest, limit: Duration) async -> any Error {
        if Task.isCancelled || error is CancellationError { return CancellationError() }
        if error is APIError { return error }
        let what = "\(request.method.rawValue) \(request.path)"
        switch error {
        case is NIOTooManyBytesError:
            return APIError(
                .malformed,
                message: "the answer is larger than \(HTTPTransport.maximumBodyBytes >> 20) MiB: ask for less, or in "
                    + "pages.", request: what)
        case is LineSplitter.TooLong:
            return APIError(
                .malformed,
                message: "one object of the watch is larger than \(HTTPTransport.maximumLineBytes >> 20) MiB.",
                request: what)
        default: return APIError(.transport, message: await text(error, limit: limit), request: what)
        }
    }

    private func text(_ error: any Error, limit: Duration) async -> String {
        let server = address.authority
        switch error {
        case is DeadlineExceeded:
            return
                "\(server) did not answer within \(limit). Check that the API server runs and is reachable from here."
        case is LineStream.Idle: return "\(server) sent nothing for \(limit): the watch is treated as dead."
        case let error as NIOConnectionError:
            guard let first = error.connectionErrors.first else {
                return "the name '\(error.host)' does not resolve. Check the server's name in the kubeconfig, and DNS."
            }
            return await text(first.error, limit: limit)
        case let error as IOError: return said(by: error)
        case let error as HTTPClientError where error == .connectTimeout || error == .tlsHandshakeTimeout:
            return "\(server) did not accept a connection in time. Check the address, the network and the firewalls."
        case let error as HTTPClientError where error == .remoteConnectionClosed:
            return "\(server) closed the connection."
        case ChannelError.ioOnClosedChannel, ChannelError.alreadyClosed, ChannelError.eof:
            return "\(server) closed the connection."
        case let error as HTTPClientError where error == .proxyAuthenticationRequired:
            return "the proxy asks for a user name and a password: put them into its address."
        case let error as HTTPClientError where error == .invalidProxyResponse:
            return "the proxy refused the connection to \(server)."
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError:
            return await certificateMessage(error)
        default: return "\(server): \(String(describing: error).prefix(Self.maximumCharacters))"
        }
    }

    private func said(by error: IOError) -> String {
        let server = address.authority
        return switch error.errnoCode {
        case ECONNREFUSED:
            "\(server) refuses connections: nothing listens there. Check the server's address in the kubeconfig, and "
                + "that the API server runs."
        case ECONNRESET, EPIPE: "\(server) reset the connection."
        case ETIMEDOUT: "\(server) has gone silent: the connection was closed."
        case EHOSTUNREACH, ENETUNREACH: "there is no route to \(server): check the network."
        default: "\(server): \(String(cString: strerror(error.errnoCode)).lowercased())"
        }
    }

    /// The TLS error says only that verification failed. So connect once more to look at the certificate, without sending
    /// anything.
    private func certificateMessage(_ error: any Error) async -> String {
        let now = stopwatch.elapsed()
        if let known = finding.withLock({ $0 }), now - known.at < Self.lookAgainAfter { return known.text }
        let raw = String(describing: error)
        var text = "TLS with \(address.authority) failed: \(raw.prefix(Self.maximumCharacters))"
        if raw.contains("CERTIFICATE_VERIFY_FAILED") || raw.contains("ailedToValidateHostname")
            || raw.contains("unableToValidateCertificate")
        {
            let certificate = address.proxy == nil ? await CertificateProbe(address).certificate(stopwatch) : nil
            text = CertificateAdvice.text(
                certificate, address: address, isNameWrong: raw.contains("ailedToValidateHostname"), now: Date())
        } else if raw.contains("WRONG_VERSION_NUMBER") {
            text = "\(address.authority) does not speak TLS: is it http:// instead of https://?"
        }
        finding.withLock { [text] in $0 = (now, text) }
        return text
    }
}
