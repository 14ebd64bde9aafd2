import Foundation
import JSON

/// The contents of a kubeconfig file (`v1 Config`).
struct KubeconfigFile: Decodable {
    struct NamedCluster: Decodable {
        var name: String
        var cluster: Cluster
    }
    struct NamedUser: Decodable {
        var name: String
        var user: User?
    }
    struct NamedContext: Decodable {
        struct Context: Decodable {
            var cluster: String
            var user: String?
            var namespace: String?
        }

        var name: String
        var context: Context
    }

    var clusters: [NamedCluster]?
    var users: [NamedUser]?
    var contexts: [NamedContext]?
    var currentContext: String?

    enum CodingKeys: String, CodingKey {
        case clusters, users, contexts
        case currentContext = "current-context"
    }

    struct Cluster: Decodable {
        struct Extension: Decodable {
            var name: String
            var `extension`: YAMLValue
        }

        var server: String
        var serverName: String?
        var isInsecure: Bool?
        var authoritiesFile: String?
        var authoritiesData: String?
        var proxyURL: String?
        var extensions: [Extension]?

        enum CodingKeys: String, CodingKey {
            case server, extensions
            case serverName = "tls-server-name"
            case isInsecure = "insecure-skip-tls-verify"
            case authoritiesFile = "certificate-authority"
            case authoritiesData = "certificate-authority-data"
            case proxyURL = "proxy-url"
        }

        func resolved(_ folder: String, place: String) throws -> Kubeconfig.Cluster {
            let source = try pemSource(
                authoritiesData, authoritiesFile, folder, place: "\(place), certificate-authority-data")
            if isInsecure == true, source != nil {
                throw APIError(
                    .credentials,
                    message: "\(place) has both insecure-skip-tls-verify and a certificate authority: keep one.")
            }
            return Kubeconfig.Cluster(
                server: server, serverName: serverName, isInsecure: isInsecure ?? false, authorities: source,
                authoritiesData: authoritiesData.flatMap { Data(base64Encoded: $0) }, proxyURL: written(proxyURL),
                pluginSettings: extensions?.first { $0.name == ExecPlugin.clusterExtension }?.extension.value)
        }
    }

    struct User: Decodable {
        var token: String?
        var tokenFile: String?
        var chainFile: String?
        var chainData: String?
        var keyFile: String?
        var keyData: String?
        var username: String?
        var password: String?
        var authProvider: YAMLValue?
        var exec: ExecPlugin?
        var asUser: String?
        var asUID: String?
        var asGroups: [String]?

        enum CodingKeys: String, CodingKey {
            case token, tokenFile, username, password, exec
            case chainFile = "client-certificate"
            case chainData = "client-certificate-data"
            case keyFile = "client-key"
            case keyData = "client-key-data"
            case authProvider = "auth-provider"
            case asUser = "as"
            case asUID = "as-uid"
            case asGroups = "as-groups"
        }

        func resolved(_ folder: String, place: String) throws -> Kubeconfig.User {
            var user = Kubeconfig.User()
            user.token = written(token)
            user.tokenFile = written(tokenFile).map { RotatedFile(path: absolute($0, folder)) }
            let chain = try pemSource(chainData, chainFile, folder, place: "\(place), client-certificate-data")
            let key = try pemSource(keyData, keyFile, folder, place: "\(place), client-key-data")
            switch (chain, key) {
            case (let chain?, let key?): user.certificate = (chain, key)
            case (nil, nil): break
            default: user.refusal = "has only one of client-certificate and client-key: both are needed."
            }
            user.impersonation =
                [written(asUser).map { ("Impersonate-User", $0) }, written(asUID).map { ("Impersonate-Uid", $0) }]
                .compactMap { $0.map { Credential.Header(name: $0.0, value: $0.1) } }
                + (asGroups ?? []).map { Credential.Header(name: "Impersonate-Group", value: $0) }
            user.plugin = exec?.resolved(folder)
            user.refusal = user.refusal ?? refusal ?? user.plugin?.refusal
            return user
        }

        private var refusal: String? {
            if written(username) != nil || written(password) != nil {
                return "has a user name and a password: API servers take none since Kubernetes 1.19. Use a token, a "
                    + "client certificate or an exec plugin."
            }
            if authProvider != nil {
                return "has an auth-provider, which Kubernetes 1.26 removed. Use the exec plugin of your provider."
            }
            return nil
        }
    }
}

/// Treats an empty setting as a missing one.
private func written(_ text: String?) -> String? { text.flatMap { $0.isEmpty ? nil : $0 } }

private func absolute(_ path: String, _ folder: String) -> String {
    path.hasPrefix("/") ? path : (folder.hasSuffix("/") ? folder : folder + "/") + path
}

/// Inline data takes precedence over a file, as in kubectl.
private func pemSource(_ base64: String?, _ file: String?, _ folder: String, place: String) throws -> PEMSource? {
    if let base64 = written(base64) {
        guard let data = Data(base64Encoded: base64, options: .ignoreUnknownCharacters), !data.isEmpty else {
            throw APIError(.credentials, message: "\(place) is not base64.")
        }
        return .data(data, place: place)
    }
    return written(file).map { .file(RotatedFile(path: absolute($0, folder))) }
}

/// Something that only an exec plugin understands, handed on as it is. A scalar of YAML is what its text looks like.
struct YAMLValue: Decodable {
    var value: JSONValue

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            value = .null
        } else if let number = try? container.decode(Int.self) {
            value = .integer(number)
        } else if let number = try? container.decode(Double.self) {
            value = .normal(number)
        } else if let flag = try? container.decode(Bool.self) {
            value = .bool(flag)
        } else if let text = try? container.decode(String.self) {
            value = .string(text)
        } else if let items = try? container.decode([YAMLValue].self) {
            value = .array(items.map(\.value))
        } else {
            value = .object(try container.decode([String: YAMLValue].self).mapValues(\.value))
        }
    }
}
