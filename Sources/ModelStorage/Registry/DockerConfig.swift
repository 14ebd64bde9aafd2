import Foundation

/// Docker's `config.json`: credentials by registry. Its texts never show them.
struct DockerConfig: Sendable, CustomStringConvertible {
    enum Entry: Hashable, Sendable {
        case password(user: String, password: String)
        /// A program of Docker's has the credentials.
        case helper(String)
        /// An entry that mlctl cannot use.
        case unusable
    }

    private let auths: [String: Auth]
    private let helpers: [String: String]
    private let store: String?

    private struct Auth: Decodable {
        var auth: String?
        var username: String?
        var password: String?
        var identitytoken: String?
    }

    private struct File: Decodable {
        var auths: [String: Auth]?
        var credHelpers: [String: String]?
        var credsStore: String?
    }

    /// - Returns: nil if the bytes are not such a file.
    init?(_ bytes: [UInt8]) {
        guard let file = try? JSONDecoder().decode(File.self, from: Data(bytes)) else { return nil }
        auths = file.auths ?? [:]
        helpers = file.credHelpers ?? [:]
        store = file.credsStore.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// - Parameter names: the ways to write the registry, the usual one first.
    /// - Returns: nil if the file knows nothing of the registry.
    func entry(for names: [String]) -> Entry? {
        for name in names {
            guard let auth = auths[name] else { continue }
            if let user = auth.username, let password = auth.password, !user.isEmpty {
                return .password(user: user, password: password)
            }
            if let text = auth.auth, !text.isEmpty {
                guard let data = Data(base64Encoded: text), let plain = String(data: data, encoding: .utf8),
                    let colon = plain.firstIndex(of: ":"), colon > plain.startIndex
                else { return .unusable }
                return .password(user: String(plain[..<colon]), password: String(plain[plain.index(after: colon)...]))
            }
            if auth.identitytoken?.isEmpty == false { return .unusable }
            if let store { return .helper(store) }
        }
        for name in names { if let helper = helpers[name] { return .helper(helper) } }
        return nil
    }

    var description: String { "a Docker configuration" }
}
