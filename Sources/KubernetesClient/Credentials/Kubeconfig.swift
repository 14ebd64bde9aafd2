import Foundation
import JSON
import Transport
import Yams

/// One or more kubeconfig files, merged as kubectl does it: for each name or setting, the whole entry of the first file that
/// has it wins.
package struct Kubeconfig: Sendable {
    struct Cluster: Sendable {
        var server: String
        var serverName: String?
        var isInsecure = false
        var authorities: PEMSource?
        /// The decoded `certificate-authority-data`, for exec plugins that ask for it.
        var authoritiesData: Data?
        var proxyURL: String?
        /// Further settings for an exec plugin: the extension `client.authentication.k8s.io/exec`.
        var pluginSettings: JSONValue?
    }

    struct User: Sendable {
        var token: String?
        var tokenFile: RotatedFile?
        var certificate: (chain: PEMSource, key: PEMSource)?
        var impersonation: [Credential.Header] = []
        var plugin: ExecPlugin?
        /// Why these credentials cannot be used; nil if they can.
        var refusal: String?
    }

    struct Context: Sendable {
        var cluster: String
        var user: String
        var namespace: String?
    }

    var clusters: [String: Cluster] = [:]
    var users: [String: User] = [:]
    var contexts: [String: Context] = [:]
    var currentContext: String?
    /// The files that were read, for messages.
    var places: [String] = []
    /// The paths that were searched, whether a file exists there or not; empty if the kubeconfig was read from a text.
    var files: [String] = []
    /// A hash of the files' texts.
    var mark = 0

    mutating func merge(_ later: Kubeconfig) {
        clusters.merge(later.clusters) { first, _ in first }
        users.merge(later.users) { first, _ in first }
        contexts.merge(later.contexts) { first, _ in first }
        currentContext = currentContext ?? later.currentContext
        places += later.places
    }

    /// How to reach the cluster of a context, with which credentials.
    /// - Parameters:
    ///   - context: nil: the current one.
    ///   - environment: names a proxy if the kubeconfig does not (`ProxyEnvironment`).
    /// - Throws: `APIError(.credentials)` whose message lists the names that exist.
    package func connection(
        context name: String? = nil, environment: [String: String] = ProcessInfo.processInfo.environment,
        stopwatch: ClientClock = ClientClock()
    ) throws -> ClusterConnection {
        guard let name = name ?? currentContext else {
            throw APIError(
                .credentials,
                message: "\(place) has no current-context. Choose one of its contexts: \(Self.names(contexts.keys)).")
        }
        let (context, cluster, user) = try parts(of: name)
        var credentials = Self.credentials(user, cluster, stopwatch)
        if !files.isEmpty {
            credentials = KubeconfigCredentials(
                self, context: name, cluster: cluster, source: credentials, stopwatch: stopwatch)
        }
        let proxy =
            cluster.proxyURL.map { ProxyEnvironment.Setting(url: $0, variable: ClusterConnection.proxySetting) }
            ?? ProxyEnvironment(environment).setting(for: cluster.server)
        return ClusterConnection(
            server: cluster.server, serverName: cluster.serverName,
            trust: ServerTrust(authorities: cluster.authorities, isInsecure: cluster.isInsecure),
            proxyURL: proxy?.url, proxySetting: proxy?.variable ?? ClusterConnection.proxySetting,
            namespace: context.namespace, credentials: credentials)
    }

    private var place: String { places.joined(separator: ":") }

    func parts(of name: String) throws -> (context: Context, cluster: Cluster, user: User) {
        guard let context = contexts[name] else {
            throw APIError(
                .credentials, message: "\(place) has no context '\(name)'. It has: \(Self.names(contexts.keys)).")
        }
        guard let cluster = clusters[context.cluster] else {
            throw APIError(
                .credentials,
                message: "the context '\(name)' names the cluster '\(context.cluster)', which \(place) does not have.")
        }
        guard !context.user.isEmpty else { return (context, cluster, User()) }
        guard let user = users[context.user] else {
            throw APIError(
                .credentials,
                message: "the context '\(name)' names the user '\(context.user)', which \(place) does not have.")
        }
        if let refusal = user.refusal {
            throw APIError(.credentials, message: "the user '\(context.user)' of \(place) \(refusal)")
        }
        return (context, cluster, user)
    }

    static func credentials(_ user: User, _ cluster: Cluster, _ stopwatch: ClientClock) -> any CredentialSource {
        if let plugin = user.plugin {
            return ExecCredentials(
                plugin, cluster: cluster, impersonation: user.impersonation, stopwatch: stopwatch)
        }
        return StaticCredentials(
            token: user.token, tokenFile: user.tokenFile, certificate: user.certificate,
            impersonation: user.impersonation, stopwatch: stopwatch)
    }

    private static func names(_ names: some Collection<String>) -> String {
        names.isEmpty ? "none" : names.sorted().joined(separator: ", ")
    }
}
