import Foundation

/// An access key. Its texts never show it.
struct AWSKeys: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    var id: String
    var secret: String
    /// With temporary keys.
    var sessionToken: String?
    /// When temporary keys end; nil if that is not known.
    var expiresAt: Date?

    var description: String { "keys" }
    var debugDescription: String { description }
}

/// The files `credentials` and `config` of AWS's clients: sections with settings.
struct AWSProfiles: Hashable, Sendable {
    private(set) var sections: [String: [String: String]] = [:]

    /// - Parameter isConfig: in `config`, a profile other than `default` is called `profile NAME`.
    init(_ text: String, isConfig: Bool) {
        var name: String?
        for raw in text.split(whereSeparator: \.isNewline) {
            let line = raw.trimmingCharacters(in: .whitespaces)
            if line.isEmpty || line.hasPrefix("#") || line.hasPrefix(";") { continue }
            if line.hasPrefix("[") {
                let words = line.dropFirst().prefix { $0 != "]" }.split(separator: " ").map(String.init)
                switch (words.count, words.first) {
                case (1, let word?) where !isConfig || word == "default": name = word
                case (2, "profile") where isConfig: name = words[1]
                default: name = nil
                }
                continue
            }
            // An indented line belongs to the setting before it.
            guard let name, raw.first.map({ $0 != " " && $0 != "\t" }) ?? false, let equals = line.firstIndex(of: "=")
            else { continue }
            let field = line[..<equals].trimmingCharacters(in: .whitespaces).lowercased()
            let value = line[line.index(after: equals)...].trimmingCharacters(in: .whitespaces)
            sections[name, default: [:]][field] = value
        }
    }
}

/// What the environment and the files of AWS's clients say.
struct AWSSettings: Sendable {
    enum Credentials: Hashable, Sendable {
        case keys(AWSKeys)
        /// A token that STS exchanges for keys.
        case webIdentity(tokenFile: String, role: String, session: String)
        /// The container or the machine may have keys. Without any, requests are not signed: public buckets only.
        case unset
    }

    let environment: StoreEnvironment
    let profile: String
    private let stored: [String: String]
    private let configured: [String: String]
    private let isNamed: Bool

    /// Reads the files again each time, so that rotated keys are seen.
    ///
    /// - Throws: `StorageError` if a file cannot be read, or the profile is in none.
    init(_ environment: StoreEnvironment) throws {
        self.environment = environment
        isNamed = environment["AWS_PROFILE"] != nil
        let profile = environment["AWS_PROFILE"] ?? "default"
        self.profile = profile
        let credentials = environment["AWS_SHARED_CREDENTIALS_FILE"] ?? "~/.aws/credentials"
        let config = environment["AWS_CONFIG_FILE"] ?? "~/.aws/config"
        let stored = try environment.text(of: credentials).map { AWSProfiles($0, isConfig: false).sections[profile] }
        let configured = try environment.text(of: config).map { AWSProfiles($0, isConfig: true).sections[profile] }
        self.stored = (stored ?? nil) ?? [:]
        self.configured = (configured ?? nil) ?? [:]
        guard !isNamed || !self.stored.isEmpty || !self.configured.isEmpty else {
            throw StorageError(
                .unauthorized,
                "The profile '\(profile.prefix(100))', which AWS_PROFILE names, is neither in \(credentials) nor in \(config). "
                    + "Add it there, or correct AWS_PROFILE.")
        }
    }

    /// - Throws: `StorageError` if the profile needs a way that mlctl does not know.
    func credentials() throws(StorageError) -> Credentials {
        if let id = environment["AWS_ACCESS_KEY_ID"] {
            guard let secret = environment["AWS_SECRET_ACCESS_KEY"] else {
                throw StorageError(
                    .unauthorized, "AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY. Set both, or none.")
            }
            return .keys(AWSKeys(id: id, secret: secret, sessionToken: environment["AWS_SESSION_TOKEN"]))
        }
        if !isNamed, let file = environment["AWS_WEB_IDENTITY_TOKEN_FILE"], let role = environment["AWS_ROLE_ARN"] {
            return .webIdentity(tokenFile: file, role: role, session: environment["AWS_ROLE_SESSION_NAME"] ?? "mlctl")
        }
        for section in [stored, configured] {
            guard let id = section["aws_access_key_id"] else { continue }
            guard let secret = section["aws_secret_access_key"] else {
                throw StorageError(
                    .unauthorized, "The AWS profile '\(profile)' has a key id without a secret. Complete the profile.")
            }
            return .keys(AWSKeys(id: id, secret: secret, sessionToken: section["aws_session_token"]))
        }
        if let file = configured["web_identity_token_file"], let role = configured["role_arn"] {
            return .webIdentity(tokenFile: file, role: role, session: configured["role_session_name"] ?? "mlctl")
        }
        let other = ["role_arn", "sso_session", "sso_start_url", "credential_process"].first { configured[$0] != nil }
        if let other {
            throw StorageError(
                .unauthorized,
                "The AWS profile '\(profile)' uses '\(other)', which mlctl does not support. Write keys into the profile, set "
                    + "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a web identity.")
        }
        return .unset
    }

    var region: String {
        environment["AWS_REGION"] ?? environment["AWS_DEFAULT_REGION"] ?? configured["region"] ?? "us-east-1"
    }

    /// A service's address that the operator has set, instead of Amazon's.
    func endpoint(of service: String) -> String? {
        environment["AWS_ENDPOINT_URL_\(service)"] ?? environment["AWS_ENDPOINT_URL"] ?? configured["endpoint_url"]
    }

    static func domain(of region: String) -> String { region.hasPrefix("cn-") ? "amazonaws.com.cn" : "amazonaws.com" }

    static func isRegion(_ text: String) -> Bool {
        (1...40).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D }
    }
}
