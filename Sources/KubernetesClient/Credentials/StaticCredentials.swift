import Foundation
import Synchronization
import Transport

/// Credentials from a kubeconfig or from files that it names. Service accounts use it too.
final class StaticCredentials: CredentialSource {
    private let token: String?
    private let tokenFile: RotatedFile?
    private let certificate: (chain: PEMSource, key: PEMSource)?
    private let impersonation: [Credential.Header]
    private let stopwatch: ClientClock
    /// The parsed certificate of the last pair of PEM texts.
    private let parsed = Mutex<(chain: Data, key: Data, certificate: ClientCertificate)?>(nil)

    init(
        token: String? = nil, tokenFile: RotatedFile? = nil, certificate: (chain: PEMSource, key: PEMSource)? = nil,
        impersonation: [Credential.Header] = [], stopwatch: ClientClock = ClientClock()
    ) {
        self.token = token
        self.tokenFile = tokenFile
        self.certificate = certificate
        self.impersonation = impersonation
        self.stopwatch = stopwatch
    }

    func current() throws -> Credential {
        let now = stopwatch.elapsed()
        var token = token
        if let tokenFile {
            // As in kubectl: if the file cannot be read, an inline token is used instead.
            do {
                token = String(decoding: try tokenFile.contents(now), as: UTF8.self)
                    .trimmingCharacters(in: .whitespacesAndNewlines)
            } catch {
                guard token != nil else { throw error }
            }
        }
        return Credential(token: token, certificate: try clientCertificate(now), impersonation: impersonation)
    }

    func refused(_ credential: Credential) -> Bool {
        let now = stopwatch.elapsed()
        let rereads = [
            tokenFile?.reread(now) ?? false, certificate?.chain.reread(now) ?? false,
            certificate?.key.reread(now) ?? false,
        ]
        // Another call may have read new contents in the meantime.
        return rereads.contains(true) || (try? current()).map { $0 != credential } ?? false
    }

    private func clientCertificate(_ now: Duration) throws -> ClientCertificate? {
        guard let certificate else { return nil }
        let chain = try certificate.chain.contents(now)
        let key = try certificate.key.contents(now)
        return try parsed.withLock { parsed in
            if let parsed, parsed.chain == chain, parsed.key == key { return parsed.certificate }
            let made = try ClientCertificate(chain: chain, key: key, place: certificate.chain.place)
            parsed = (chain, key, made)
            return made
        }
    }
}
