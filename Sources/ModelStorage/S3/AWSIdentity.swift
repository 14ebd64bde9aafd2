import Foundation

/// Who asks AWS: keys as they are set, or temporary keys of a web identity, of the container or of the machine, renewed before
/// they end.
actor AWSIdentity {
    static let renewal: TimeInterval = 300
    /// For an answer without a usable end.
    static let shortestLifetime: TimeInterval = 600

    private let environment: StoreEnvironment
    private let caller: StoreCaller
    private let now: @Sendable () -> Date
    /// Neither the container nor the machine had keys; they are asked again after this.
    private var nothingUntil: Date?
    private var temporary: (source: AWSSettings.Credentials, keys: AWSKeys)?

    init(_ environment: StoreEnvironment, caller: StoreCaller, now: @escaping @Sendable () -> Date) {
        self.environment = environment
        self.caller = caller
        self.now = now
    }

    /// - Returns: nil if nothing is set: requests are not signed.
    /// - Throws: `StorageError`, `CancellationError`.
    func keys() async throws -> AWSKeys? {
        let settings = try AWSSettings(environment)
        let source = try settings.credentials()
        switch source {
        case .unset:
            if let temporary, temporary.source == source, isFresh(temporary.keys) { return temporary.keys }
            if let nothingUntil, now() < nothingUntil { return nil }
            guard let keys = try await AWSMetadata(environment, caller: caller).keys() else {
                nothingUntil = now().addingTimeInterval(Self.shortestLifetime)
                return nil
            }
            temporary = (source, keys)
            return keys
        case .keys(let keys): return keys
        case .webIdentity(let file, let role, let session):
            if let temporary, temporary.source == source, isFresh(temporary.keys) { return temporary.keys }
            let keys = try await exchange(file, role: role, session: session, settings)
            temporary = (source, keys)
            return keys
        }
    }

    private func isFresh(_ keys: AWSKeys) -> Bool {
        keys.expiresAt.map { now() < $0.addingTimeInterval(-Self.renewal) } ?? false
    }

    private func exchange(
        _ file: String, role: String, session: String, _ settings: AWSSettings
    ) async throws -> AWSKeys {
        guard let token = try environment.text(of: file)?.trimmingCharacters(in: .whitespacesAndNewlines) else {
            throw StorageError(.unauthorized, "There is no token at \(file), where AWS_WEB_IDENTITY_TOKEN_FILE points.")
        }
        let region = settings.region
        guard AWSSettings.isRegion(region) else { throw S3Store.noRegion(region) }
        let place = try WebLocation(
            endpoint: settings.endpoint(of: "STS") ?? "https://sts.\(region).\(AWSSettings.domain(of: region))/")
        let access = StoreAccess(explain: { head in
            guard (400..<500).contains(head.status), head.status != 429 else { return nil }
            return StorageError(
                .unauthorized,
                "\(place) does not accept the web identity for the role \(role) (\(head.status) "
                    + "\(S3Failure(head.failureText).code)). Check the role's trust policy, and the token's file.")
        })
        let answer = try await caller.ask(
            place, access: access,
            form: WebForm([
                "Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleArn": role,
                "RoleSessionName": session, "WebIdentityToken": token,
            ]))
        guard let keys = Self.keys(answer, now: now()) else {
            throw StorageError(.protocolError, "\(place) answered without keys. Check AWS_ENDPOINT_URL_STS.")
        }
        return keys
    }

    static func keys(_ answer: [UInt8], now: Date) -> AWSKeys? {
        var keys = AWSKeys(id: "", secret: "")
        let isWhole = XMLFields.read(answer) { path, text in
            guard path.dropLast().last == "Credentials" else { return }
            switch path.last {
            case "AccessKeyId": keys.id = text
            case "SecretAccessKey": keys.secret = text
            case "SessionToken": keys.sessionToken = text
            case "Expiration": keys.expiresAt = try? Date(text, strategy: .iso8601)
            default: break
            }
        }
        guard isWhole, !keys.id.isEmpty, !keys.secret.isEmpty else { return nil }
        keys.expiresAt = keys.expiresAt ?? now.addingTimeInterval(Self.shortestLifetime)
        return keys
    }
}
