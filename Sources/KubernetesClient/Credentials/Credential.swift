import Foundation
import NIOSSL

/// What authenticates a request. Its description holds no secret.
package struct Credential: Hashable, Sendable, CustomStringConvertible {
    var token: String?
    var certificate: ClientCertificate?
    /// `Impersonate-User` and the like.
    var impersonation: [Header] = []

    struct Header: Hashable, Sendable {
        var name: String
        var value: String
    }

    package var description: String {
        var parts: [String] = []
        if token != nil { parts.append("a token") }
        if certificate != nil { parts.append("a client certificate") }
        return parts.isEmpty ? "anonymous" : parts.joined(separator: " and ")
    }
}

/// A client certificate with its key. Two are equal if their PEM texts are equal.
struct ClientCertificate: Hashable, Sendable {
    let chain: [NIOSSLCertificate]
    let key: NIOSSLPrivateKey
    private let chainPEM: Data
    private let keyPEM: Data

    /// - Parameter place: where the certificate comes from, for messages.
    /// - Throws: `APIError(.credentials)`
    init(chain chainPEM: Data, key keyPEM: Data, place: String) throws {
        self.chainPEM = chainPEM
        self.keyPEM = keyPEM
        do {
            chain = try NIOSSLCertificate.fromPEMBytes(Array(chainPEM))
            key = try NIOSSLPrivateKey(bytes: Array(keyPEM), format: .pem)
        } catch {
            throw APIError(
                .credentials, message: "\(place): the client certificate or its key is not readable PEM text.")
        }
    }

    var expiresAt: Date? { chain.first.map { Date(timeIntervalSince1970: TimeInterval($0.notValidAfter)) } }

    static func == (left: ClientCertificate, right: ClientCertificate) -> Bool {
        left.chainPEM == right.chainPEM && left.keyPEM == right.keyPEM
    }

    func hash(into hasher: inout Hasher) { hasher.combine(chainPEM) }
}

/// A source of credentials.
package protocol CredentialSource: Sendable {
    /// The credentials to send now. The source fetches new ones if it has none, or if they have expired.
    /// - Throws: `APIError(.credentials)`, `CancellationError`
    func current() async throws -> Credential
    /// Tells the source that the server answered 401 to `credential`.
    /// - Returns: whether `current` may return other credentials now.
    func refused(_ credential: Credential) async -> Bool
}
