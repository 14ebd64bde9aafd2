import Foundation
import NIOSSL
import Synchronization

/// Which server certificates are trusted.
package struct ServerTrust: Sendable {
    /// The trusted authorities in PEM; nil: those of the system.
    package var authorities: PEMSource?
    /// Checks no certificate: anybody on the network path can read and change everything.
    package var isInsecure: Bool

    package init(authorities: PEMSource? = nil, isInsecure: Bool = false) {
        self.authorities = authorities
        self.isInsecure = isInsecure
    }
}

/// The TLS settings for a credential. They are rebuilt only when a certificate has changed, so that connections are reused.
final class TLSIdentity: Sendable {
    private struct Made {
        var authorities: Data?
        var certificate: ClientCertificate?
        var configuration: TLSConfiguration
    }

    private let trust: ServerTrust
    private let made = Mutex<Made?>(nil)

    init(_ trust: ServerTrust) { self.trust = trust }

    /// - Throws: `APIError(.credentials)` if a certificate or key is not valid.
    func configuration(_ credential: Credential, _ now: Duration) throws -> TLSConfiguration {
        let authorities = try trust.authorities?.contents(now)
        return try made.withLock { made in
            if let made, made.authorities == authorities, made.certificate == credential.certificate {
                return made.configuration
            }
            let configuration = try make(authorities, credential.certificate)
            made = Made(
                authorities: authorities, certificate: credential.certificate, configuration: configuration)
            return configuration
        }
    }

    private func make(_ authorities: Data?, _ certificate: ClientCertificate?) throws -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        if trust.isInsecure { configuration.certificateVerification = .none }
        if let authorities {
            do {
                configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(authorities)))
            } catch {
                throw APIError(
                    .credentials,
                    message: "\(trust.authorities?.place ?? "certificate-authority") holds no certificate in PEM form.")
            }
        }
        if let certificate {
            configuration.certificateChain = certificate.chain.map { .certificate($0) }
            configuration.privateKey = .privateKey(certificate.key)
        }
        return configuration
    }
}
