import Foundation

/// Who asks one registry for one repository. Tokens are renewed before they end.
actor RegistrySession {
    static let defaultLifetime: TimeInterval = 60
    /// A token is renewed this long before it ends.
    static let renewal: TimeInterval = 10

    private enum State {
        case anonymous
        case basic(WebAuthorization)
        case token(RegistryChallenge, WebAuthorization, until: Date)
    }

    private let location: RegistryLocation
    private let environment: StoreEnvironment
    private let caller: StoreCaller
    private let now: @Sendable () -> Date
    private var state = State.anonymous

    init(
        _ location: RegistryLocation, _ environment: StoreEnvironment, caller: StoreCaller,
        now: @escaping @Sendable () -> Date
    ) {
        self.location = location
        self.environment = environment
        self.caller = caller
        self.now = now
    }

    /// - Throws: `StorageError`, `CancellationError`, if a token ends and there is no new one.
    func authorization() async throws -> WebAuthorization? {
        switch state {
        case .anonymous: return nil
        case .basic(let authorization): return authorization
        case .token(let challenge, let authorization, let until):
            if now() < until { return authorization }
            try await meet(challenge)
            if case .token(_, let fresh, _) = state { return fresh }
            return nil
        }
    }

    /// Gets what the registry wants.
    ///
    /// - Throws: `StorageError`: `unauthorized`, `protocolError`, and those of a call; `CancellationError`.
    func meet(_ challenge: RegistryChallenge) async throws {
        let credentials = try credentials()
        switch challenge {
        case .basic:
            guard let credentials else { throw Self.refusal(of: location, hasCredentials: false) }
            state = .basic(credentials)
        case .bearer(let realm, let service, let scope, _):
            let place = try tokenPlace(realm, service: service, scope: scope)
            if credentials != nil, try !RegistryChallenge.mayReceive(realm: place, of: location.address("")) {
                throw StorageError(
                    .unauthorized,
                    "The registry \(location.host) asks for a token of \(place.server), which is another domain. mlctl does "
                        + "not send the registry's credentials there. Check the registry's address.")
            }
            let location = location
            let access = StoreAccess(
                authorize: { credentials },
                explain: { head in
                    guard [400, 401, 403].contains(head.status) else { return nil }
                    return Self.refusal(of: location, hasCredentials: credentials != nil)
                })
            guard let token = RegistryToken(try await caller.ask(place, access: access)) else {
                throw StorageError(
                    .protocolError, "\(place.server) answered without a token for \(location). Check the registry.")
            }
            let lifetime = max(token.lifetime ?? Self.defaultLifetime, 1)
            let until = now().addingTimeInterval(lifetime - min(Self.renewal, lifetime / 2))
            state = .token(challenge, .bearer(token.text), until: until)
        }
    }

    private func tokenPlace(_ realm: String, service: String?, scope: String?) throws -> WebLocation {
        guard var parts = URLComponents(string: realm) else {
            throw StorageError(
                .protocolError, "The registry \(location.host) names no address for tokens. Check the registry.")
        }
        var items = parts.percentEncodedQueryItems ?? []
        if let service { items.append(URLQueryItem(name: "service", value: PercentEncoding.strict(service))) }
        for word in (scope ?? "").split(separator: " ") {
            items.append(URLQueryItem(name: "scope", value: PercentEncoding.strict(String(word))))
        }
        parts.percentEncodedQueryItems = items.isEmpty ? nil : items
        let place = try WebLocation(parts.string ?? realm)
        let registry = try location.address("")
        guard place.isEncrypted || registry.isLoopback else {
            throw StorageError(
                .protocolError, "The registry \(location.host) asks for a token of this machine. Check the registry.")
        }
        return place
    }

    private func credentials() throws -> WebAuthorization? {
        let folder = environment["DOCKER_CONFIG"] ?? "~/.docker"
        for path in [environment["REGISTRY_AUTH_FILE"], "\(folder)/config.json"].compactMap(\.self) {
            guard let text = try environment.text(of: path) else { continue }
            guard let config = DockerConfig(Array(text.utf8)) else {
                throw StorageError(.unauthorized, "\(path) is not a configuration of Docker. Correct it.")
            }
            switch config.entry(for: location.credentialNames) {
            case nil: continue
            case .password(let user, let password): return .basic(user: user, password: password)
            case .helper(let name):
                throw StorageError(
                    .unauthorized,
                    "\(path) leaves the credentials of \(location.host) to the program docker-credential-\(name), which mlctl "
                        + "does not run. Write an entry with \"auth\" into a file of its own, and name its folder in DOCKER_CONFIG."
                )
            case .unusable:
                throw StorageError(
                    .unauthorized,
                    "The entry of \(location.host) in \(path) has no user and password. Log in again with `docker login`."
                )
            }
        }
        return nil
    }

    static func refusal(of location: RegistryLocation, hasCredentials: Bool) -> StorageError {
        StorageError(
            .unauthorized,
            hasCredentials
                ? "The registry \(location.host) does not accept the credentials for \(location.repository). Check the "
                    + "user's permissions, and log in again with `docker login \(location.host)`."
                : "\(location) does not exist or is private, and there are no credentials for \(location.host). Log in with "
                    + "`docker login \(location.host)`, or name the folder of a config.json in DOCKER_CONFIG.")
    }
}

/// The answer of a token server.
struct RegistryToken: Hashable, Sendable {
    var text: String
    var lifetime: TimeInterval?

    private struct Answer: Decodable {
        var token: String?
        var access_token: String?
        var expires_in: Double?
    }

    /// - Returns: nil if the bytes hold no token.
    init?(_ bytes: [UInt8]) {
        guard let answer = try? JSONDecoder().decode(Answer.self, from: Data(bytes)),
            let text = [answer.token, answer.access_token].compactMap(\.self).first(where: { !$0.isEmpty }),
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return nil }
        self.text = text
        lifetime = answer.expires_in.flatMap { $0.isFinite && $0 > 0 ? min($0, 86_400) : nil }
    }
}
