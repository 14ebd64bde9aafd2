import Foundation
import SafeText
import Transport

/// What `HTTPTransport` needs to reach one API server.
package struct ClusterConnection: Sendable {
    /// `https://host:6443`
    package var server: String
    /// The name to verify in the server's certificate, if it is not the host's name.
    package var serverName: String?
    package var trust: ServerTrust
    /// `http://…` or `socks5://…`
    package var proxyURL: String?
    /// The setting that names the proxy, for messages: the kubeconfig's `proxy-url`, or an environment variable.
    var proxySetting: String
    /// The namespace to use when no other is given.
    package var namespace: String?
    package var credentials: any CredentialSource

    package init(
        server: String, serverName: String? = nil, trust: ServerTrust = ServerTrust(), proxyURL: String? = nil,
        proxySetting: String = Self.proxySetting, namespace: String? = nil, credentials: any CredentialSource
    ) {
        self.server = server
        self.serverName = serverName
        self.trust = trust
        self.proxyURL = proxyURL
        self.proxySetting = proxySetting
        self.namespace = namespace
        self.credentials = credentials
    }

    package static let proxySetting = "proxy-url"

    /// Whether the environment is that of a pod, which can reach the API server of its cluster.
    package static func isPod(_ environment: [String: String]) -> Bool {
        environment["KUBERNETES_SERVICE_HOST"].map { !$0.isEmpty } ?? false
    }

    static let serviceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// The connection of a pod, with its service account. The kubelet replaces the token on disk about once an hour. Proxy
    /// variables of the environment are ignored: no proxy is needed to reach the pod's own cluster.
    /// - Throws: `APIError(.credentials)` outside a pod, or if the token is not mounted.
    package static func inCluster(
        environment: [String: String] = ProcessInfo.processInfo.environment, folder: String? = nil,
        stopwatch: ClientClock = ClientClock()
    ) throws -> ClusterConnection {
        let folder = folder ?? serviceAccountFolder
        guard let host = environment["KUBERNETES_SERVICE_HOST"], !host.isEmpty,
            let port = environment["KUBERNETES_SERVICE_PORT"], !port.isEmpty
        else {
            throw APIError(
                .credentials,
                message: "this is not a pod (KUBERNETES_SERVICE_HOST is not set). Name a kubeconfig instead.")
        }
        let token = RotatedFile(path: "\(folder)/token")
        guard (try? token.contents(stopwatch.elapsed())) != nil else {
            throw APIError(
                .credentials,
                message: "the service account's token is not at \(token.path): does the pod have "
                    + "automountServiceAccountToken: false?")
        }
        let namespace = try? RotatedFile(path: "\(folder)/namespace").contents(stopwatch.elapsed())
        return ClusterConnection(
            server: "https://\(Escape.uriHost(host)):\(port)",
            trust: ServerTrust(authorities: .file(RotatedFile(path: "\(folder)/ca.crt"))),
            namespace: namespace.map {
                String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
            },
            credentials: StaticCredentials(tokenFile: token, stopwatch: stopwatch))
    }
}
