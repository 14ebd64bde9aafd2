import CryptoExtras
import Foundation

/// Who asks Google: a service account, a user of gcloud, or the machine or pod. Tokens are renewed before they end.
actor GoogleIdentity {
    static let scope = "https://www.googleapis.com/auth/devstorage.read_only"
    static let renewal: TimeInterval = 300
    static let shortestLifetime: TimeInterval = 60
    /// Where there was no metadata service, it is asked again after this.
    static let patience: TimeInterval = 600
    static let metadataHost = "metadata.google.internal"

    private let environment: StoreEnvironment
    private let caller: StoreCaller
    private let now: @Sendable () -> Date
    private var token: (text: String, source: GoogleCredentials?, until: Date)?
    private var nothingUntil: Date?

    init(_ environment: StoreEnvironment, caller: StoreCaller, now: @escaping @Sendable () -> Date) {
        self.environment = environment
        self.caller = caller
        self.now = now
    }

    /// - Returns: nil if nothing is set: only public buckets can be read.
    /// - Throws: `StorageError`, `CancellationError`.
    func authorization() async throws -> WebAuthorization? {
        let credentials = try credentials()
        if let token, token.source == credentials, now() < token.until { return .bearer(token.text) }
        guard let credentials else { return try await metadataToken().map { .bearer($0) } }
        let (place, form) = try credentials.request(at: now())
        let access = StoreAccess(explain: { head in
            guard (400..<500).contains(head.status), head.status != 429 else { return nil }
            return StorageError(
                .unauthorized,
                "\(place) does not accept the credentials of \(credentials.path) (\(head.status)). Check that the key is not "
                    + "deleted, and that this machine's clock is right.")
        })
        guard let fresh = RegistryToken(try await caller.ask(place, access: access, form: form)) else {
            throw StorageError(.protocolError, "\(place) answered without a token. Check \(credentials.path).")
        }
        keep(fresh, credentials)
        return .bearer(fresh.text)
    }

    private func keep(_ fresh: RegistryToken, _ source: GoogleCredentials?) {
        let lifetime = max(fresh.lifetime ?? Self.shortestLifetime, Self.shortestLifetime)
        token = (fresh.text, source, now().addingTimeInterval(lifetime - min(Self.renewal, lifetime / 2)))
    }

    private func credentials() throws -> GoogleCredentials? {
        let named = environment["GOOGLE_APPLICATION_CREDENTIALS"]
        let path =
            named ?? "\(environment["CLOUDSDK_CONFIG"] ?? "~/.config/gcloud")/application_default_credentials.json"
        guard let text = try environment.text(of: path) else {
            guard let named else { return nil }
            throw StorageError(
                .unauthorized, "There is no file at \(named), where GOOGLE_APPLICATION_CREDENTIALS points. Correct it.")
        }
        return try GoogleCredentials(Array(text.utf8), path: path)
    }

    private func metadataToken() async throws -> String? {
        // An emulator is for public data, and away from Google nothing answers.
        guard environment["STORAGE_EMULATOR_HOST"] == nil, environment["NO_GCE_CHECK"]?.lowercased() != "true" else {
            return nil
        }
        if let nothingUntil, now() < nothingUntil { return nil }
        var limits = caller.limits
        limits.connectTimeout = .seconds(1)
        limits.stallTimeout = .seconds(2)
        limits.transferTimeout = .seconds(5)
        limits.maximumAttemptsInAll = 1
        let place = try WebLocation(
            endpoint: "http://\(environment["GCE_METADATA_HOST"] ?? Self.metadataHost)",
            path: "computeMetadata/v1/instance/service-accounts/default/token")
        do {
            let answer = try await StoreCaller(limits: limits, folder: caller.folder)
                .ask(place, access: StoreAccess(fields: [WebField(name: "Metadata-Flavor", value: "Google")]))
            guard let fresh = RegistryToken(answer) else { return nil }
            keep(fresh, nil)
            return fresh.text
        } catch is StorageError {
            nothingUntil = now().addingTimeInterval(Self.patience)
            return nil
        }
    }
}

/// A file of Google's credentials. Its texts never show it.
struct GoogleCredentials: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    enum Kind: Hashable, Sendable {
        case account(email: String, keyId: String, key: String)
        case user(clientId: String, secret: String, refreshToken: String)
    }

    static let tokenPlace = "https://oauth2.googleapis.com/token"
    static let lifetimeSeconds = 3600

    let kind: Kind
    let place: WebLocation
    let path: String

    private struct File: Decodable {
        var type: String
        var client_email: String?
        var private_key: String?
        var private_key_id: String?
        var token_uri: String?
        var client_id: String?
        var client_secret: String?
        var refresh_token: String?
    }

    /// - Throws: `StorageError` with `unauthorized`.
    init(_ bytes: [UInt8], path: String) throws(StorageError) {
        func refused(_ reason: String) -> StorageError {
            StorageError(
                .unauthorized,
                "\(path) \(reason). Create a key of a service account, or run `gcloud auth "
                    + "application-default login`.")
        }
        guard let file = try? JSONDecoder().decode(File.self, from: Data(bytes)) else {
            throw refused("is no file of Google's credentials")
        }
        switch file.type {
        case "service_account":
            guard let email = file.client_email, let key = file.private_key else {
                throw refused("has no client_email and private_key")
            }
            kind = .account(email: email, keyId: file.private_key_id ?? "", key: key)
        case "authorized_user":
            guard let id = file.client_id, let secret = file.client_secret, let token = file.refresh_token else {
                throw refused("has no client_id, client_secret and refresh_token")
            }
            kind = .user(clientId: id, secret: secret, refreshToken: token)
        default: throw refused("has the type '\(file.type.prefix(100))', which mlctl does not support")
        }
        place = try WebLocation(endpoint: file.token_uri ?? Self.tokenPlace)
        self.path = path
    }

    /// The request for a token.
    ///
    /// - Throws: `StorageError` with `unauthorized` if the key is no RSA key.
    func request(at date: Date) throws(StorageError) -> (WebLocation, WebForm) {
        switch kind {
        case .user(let id, let secret, let token):
            return (
                place,
                WebForm([
                    "grant_type": "refresh_token", "client_id": id, "client_secret": secret, "refresh_token": token,
                ])
            )
        case .account(let email, let keyId, let key):
            return (
                place,
                WebForm([
                    "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
                    "assertion": try assertion(email, keyId, key, at: date),
                ])
            )
        }
    }

    private func assertion(_ email: String, _ keyId: String, _ key: String, at date: Date) throws(StorageError)
        -> String
    {
        struct Header: Encodable {
            var alg = "RS256"
            var kid: String
            var typ = "JWT"
        }
        struct Claims: Encodable {
            var aud: String
            var exp: Int
            var iat: Int
            var iss: String
            var scope = GoogleIdentity.scope
        }
        let issued = Int(date.timeIntervalSince1970)
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            let header = Self.base64URL(try encoder.encode(Header(kid: keyId)))
            let claims = Self.base64URL(
                try encoder.encode(
                    Claims(aud: place.url, exp: issued + Self.lifetimeSeconds, iat: issued, iss: email)))
            let signer = try _RSA.Signing.PrivateKey(pemRepresentation: key)
            let signature = try signer.signature(for: Data("\(header).\(claims)".utf8), padding: .insecurePKCS1v1_5)
            return "\(header).\(claims).\(Self.base64URL(signature.rawRepresentation))"
        } catch {
            throw StorageError(
                .unauthorized, "The private_key in \(path) is not an RSA key of at least 2048 bits. Create a new key.")
        }
    }

    private static func base64URL(_ data: Data) -> String {
        data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    var description: String { "credentials" }
    var debugDescription: String { description }
}
