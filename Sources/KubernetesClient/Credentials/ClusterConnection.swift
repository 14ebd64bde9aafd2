import Foundation
import SafeText
import Transport

/// How one API server is reached: what `HTTPTransport` needs to know.
public struct ClusterConnection: Sendable {
    /// `https://host:6443`
    public var server: String
    /// The name to look for in the server's certificate, where it is not the host's.
    public var serverName: String?
    public var trust: ServerTrust
    /// `http://…` or `socks5://…`
    public var proxyURL: String?
    /// Where that is said, for messages: the kubeconfig's `proxy-url`, or a variable of the environment.
    var proxySetting: String
    /// In which to work where nothing else is said.
    public var namespace: String?
    public var credentials: any CredentialSource

    public init(
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

    public static let proxySetting = "proxy-url"

    /// Whether the environment is that of a pod, which has an API server of its own.
    public static func isPod(_ environment: [String: String]) -> Bool {
        environment["KUBERNETES_SERVICE_HOST"].map { !$0.isEmpty } ?? false
    }

    static let serviceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// Of a pod: its service account, whose token is replaced on disk about each hour. No proxy leads back into the own
    /// cluster: what the environment says of proxies is not for it.
    /// - Throws: `APIError(.credentials)` outside a pod, or where the token is not mounted.
    public static func inCluster(
        environment: [String: String] = ProcessInfo.processInfo.environment, folder: String? = nil,
        stopwatch: Stopwatch = Stopwatch()
    ) throws -> ClusterConnection {
        let folder = folder ?? serviceAccountFolder
        guard let host = environment["KUBERNETES_SERVICE_HOST"], !host.isEmpty,
            let port = environment["KUBERNETES_SERVICE_PORT"], !port.isEmpty
        else {
            throw APIError(
                .credentials,
                message: "this is no pod (KUBERNETES_SERVICE_HOST is not set). Name a kubeconfig instead.")
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
            credentials: WrittenCredentials(tokenFile: token, stopwatch: stopwatch))
    }
}
