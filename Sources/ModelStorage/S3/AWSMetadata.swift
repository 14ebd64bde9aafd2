import Foundation

/// Temporary keys of the container or of the machine: ECS, EKS Pod Identity, and EC2's metadata service (IMDSv2).
struct AWSMetadata: Sendable {
    static let machine = "http://169.254.169.254"
    static let containerHost = "http://169.254.170.2"
    /// The only hosts that may be asked without encryption, besides this machine.
    static let plainHosts: Set<String> = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", "fd00:ec2::23"]

    let environment: StoreEnvironment
    let caller: StoreCaller

    init(_ environment: StoreEnvironment, caller: StoreCaller) {
        self.environment = environment
        var limits = caller.limits
        // Away from AWS nothing answers.
        limits.connectTimeout = .seconds(1)
        limits.stallTimeout = .seconds(2)
        limits.transferTimeout = .seconds(5)
        limits.maximumAttemptsInAll = 1
        self.caller = StoreCaller(limits: limits, folder: caller.folder)
    }

    /// - Returns: nil if this is no place with keys.
    /// - Throws: `StorageError` if the environment names a place that does not give keys; `CancellationError`.
    func keys() async throws -> AWSKeys? {
        if let place = environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] {
            return try await containerKeys(try WebLocation(endpoint: place))
        }
        if let path = environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] {
            return try await containerKeys(try WebLocation(endpoint: Self.containerHost + path))
        }
        guard environment["AWS_EC2_METADATA_DISABLED"]?.lowercased() != "true" else { return nil }
        let base = environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"] ?? Self.machine
        do {
            return try await machineKeys(base)
        } catch is StorageError {
            return nil
        }
    }

    private func containerKeys(_ place: WebLocation) async throws -> AWSKeys {
        let host = URLComponents(string: place.url)?.host ?? ""
        guard place.isEncrypted || place.isLoopback || Self.plainHosts.contains(host) else {
            throw StorageError(
                .unsupported, "AWS_CONTAINER_CREDENTIALS_FULL_URI names '\(host)', which is not encrypted. Use https:.")
        }
        var token = environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
        if let file = environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] {
            token = try environment.text(of: file)?.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        let authorization = token.map { WebAuthorization.header($0) }
        let answer = try await caller.ask(place, access: StoreAccess(authorize: { authorization }))
        guard let keys = Self.keys(answer) else {
            throw StorageError(.protocolError, "\(place) answered without keys. Check the container's role.")
        }
        return keys
    }

    private func machineKeys(_ base: String) async throws -> AWSKeys? {
        let lifetime = WebField(name: "X-aws-ec2-metadata-token-ttl-seconds", value: "300")
        let session = try await caller.ask(
            try WebLocation(endpoint: base, path: "latest/api/token"),
            access: StoreAccess(fields: [lifetime], method: "PUT"))
        let access = StoreAccess(fields: [
            WebField(name: "X-aws-ec2-metadata-token", value: Self.word(session))
        ])
        let folder = "latest/meta-data/iam/security-credentials/"
        let role = Self.word(try await caller.ask(try WebLocation(endpoint: base, path: folder), access: access))
        let name = PercentEncoding.strict(role)
        return Self.keys(try await caller.ask(try WebLocation(endpoint: base, path: folder + name), access: access))
    }

    /// The first line, without control characters.
    private static func word(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.prefix(4096).prefix { $0 > 0x20 && $0 < 0x7F }, as: UTF8.self)
    }

    static func keys(_ answer: [UInt8]) -> AWSKeys? {
        struct Answer: Decodable {
            var AccessKeyId: String
            var SecretAccessKey: String
            var Token: String
            var Expiration: String
        }
        guard let answer = try? JSONDecoder().decode(Answer.self, from: Data(answer)) else { return nil }
        return AWSKeys(
            id: answer.AccessKeyId, secret: answer.SecretAccessKey, sessionToken: answer.Token,
            expiresAt: try? Date(answer.Expiration, strategy: .iso8601))
    }
}
