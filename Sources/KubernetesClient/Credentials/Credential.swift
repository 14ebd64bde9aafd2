import Foundation
import NIOSSL

/// Who asks. Never printed: descriptions hold no secret.
public struct Credential: Hashable, Sendable, CustomStringConvertible {
    var token: String?
    var certificate: ClientCertificate?
    /// `Impersonate-User` and the like.
    var impersonation: [Header] = []

    struct Header: Hashable, Sendable {
        var name: String
        var value: String
    }

    public var description: String {
        var parts: [String] = []
        if token != nil { parts.append("a token") }
        if certificate != nil { parts.append("a client certificate") }
        return parts.isEmpty ? "anonymous" : parts.joined(separator: " and ")
    }
}

/// A client's certificate with its key. Equal where the PEM texts are.
struct ClientCertificate: Hashable, Sendable {
    let chain: [NIOSSLCertificate]
    let key: NIOSSLPrivateKey
    private let chainPEM: Data
    private let keyPEM: Data

    /// - Parameter place: where both come from, for messages.
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

/// Where credentials come from.
public protocol CredentialSource: Sendable {
    /// Those to send now; fetched where there are none, or where they have expired.
    /// - Throws: `APIError(.credentials)`, `CancellationError`
    func current() async throws -> Credential
    /// The server answered 401 to them.
    /// - Returns: whether `current` may give others now.
    func refused(_ credential: Credential) async -> Bool
}
