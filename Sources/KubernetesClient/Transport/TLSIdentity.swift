import Foundation
import NIOSSL
import Synchronization

/// Whose certificates are believed.
public struct ServerTrust: Sendable {
    /// PEM; nil: the system's own authorities.
    public var authorities: PEMSource?
    /// No certificate is checked. Whoever is in between can read and change everything.
    public var isInsecure: Bool

    public init(authorities: PEMSource? = nil, isInsecure: Bool = false) {
        self.authorities = authorities
        self.isInsecure = isInsecure
    }
}

/// The TLS settings for a credential. Made anew only when a certificate has changed, so that connections are reused.
final class TLSIdentity: Sendable {
    private struct Made {
        var authorities: Data?
        var certificate: ClientCertificate?
        var configuration: TLSConfiguration
    }

    private let trust: ServerTrust
    private let made = Mutex<Made?>(nil)

    init(_ trust: ServerTrust) { self.trust = trust }

    /// - Throws: `APIError(.credentials)` for what is no certificate or no key.
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
