import Foundation
import Testing

@testable import KubernetesClient

/// A temporary folder of one test.
final class Folder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "mlctl-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    @discardableResult
    func write(_ name: String, _ text: String, executable: Bool = false) throws -> String {
        let file = "\(path)/\(name)"
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        if executable { try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: file) }
        return file
    }
}

func message(of error: (any Error)?) -> String { (error as? APIError)?.message ?? "\(String(describing: error))" }

@Suite("Kubeconfig files")
struct KubeconfigTests {
    static let whole = """
        apiVersion: v1
        kind: Config
        current-context: prod
        clusters:
        - name: one
          cluster: {server: "https://10.0.0.1:6443", certificate-authority: pki/ca.crt, tls-server-name: kubernetes}
        - name: two
          cluster: {server: "https://two", insecure-skip-tls-verify: true, proxy-url: "http://proxy:3128"}
        users:
        - {name: admin, user: {token: first-token}}
        - {name: basic, user: {username: u, password: p}}
        - {name: gone, user: {auth-provider: {name: gcp, config: {a: 1}}}}
        - {name: half, user: {client-certificate: a.crt}}
        - {name: asking, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: login, interactiveMode: Always}}}
        - {name: ancient, user: {exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: login}}}
        - {name: other, user: {token: t, as: jane, as-groups: [dev, ops]}}
        contexts:
        - {name: prod, context: {cluster: one, user: admin, namespace: payments}}
        - {name: two, context: {cluster: two, user: other}}
        - {name: lost, context: {cluster: none, user: admin}}
        - {name: basic, context: {cluster: one, user: basic}}
        - {name: gone, context: {cluster: one, user: gone}}
        - {name: half, context: {cluster: one, user: half}}
        - {name: asking, context: {cluster: one, user: asking}}
        - {name: ancient, context: {cluster: one, user: ancient}}
        """

    func config() throws -> Kubeconfig { try Kubeconfig.parse(Self.whole, path: "/etc/kube/config") }

    @Test("the current context gives the server, the user and the namespace; relative paths start at the file")
    func current() async throws {
        let connection = try config().connection()
        #expect(connection.server == "https://10.0.0.1:6443")
        #expect(connection.serverName == "kubernetes")
        #expect(connection.namespace == "payments")
        #expect(connection.trust.authorities?.place == "/etc/kube/pki/ca.crt")
        let credential = try await connection.credentials.current()
        #expect(credential.token == "first-token")
    }

    @Test("another context is chosen by name, with a proxy, without certificate checks, and impersonates a user")
    func named() async throws {
        let connection = try config().connection(context: "two")
        #expect(connection.proxyURL == "http://proxy:3128")
        #expect(connection.trust.isInsecure)
        let credential = try await connection.credentials.current()
        #expect(credential.impersonation.map(\.name) == ["Impersonate-User", "Impersonate-Group", "Impersonate-Group"])
        #expect(credential.impersonation.map(\.value) == ["jane", "dev", "ops"])
    }

    @Test(
        "unusable credentials are refused, and the error says what to do instead",
        arguments: [
            ("basic", "since Kubernetes 1.19"), ("gone", "auth-provider"), ("half", "both are needed"),
            ("asking", "needs a terminal"), ("ancient", "v1alpha1"), ("lost", "the cluster 'none'"),
            ("nowhere", "It has: ancient, asking"),
        ])
    func refused(context: String, says: String) throws {
        let config = try config()
        let error = #expect(throws: APIError.self) { try config.connection(context: context) }
        #expect(message(of: error).contains(says))
        #expect(error?.retry == .waiting)
    }

    @Test("of several files, the first with a name or setting wins as a whole; missing files are skipped")
    func merging() async throws {
        let folder = try Folder()
        let first = try folder.write(
            "first",
            "users: [{name: admin, user: {token: mine}}]\ncontexts: [{name: c, context: {cluster: k, user: admin}}]")
        let second = try folder.write(
            "second",
            """
            current-context: c
            clusters: [{name: k, cluster: {server: "https://k"}}]
            users: [{name: admin, user: {token: theirs, tokenFile: /nowhere}}]
            contexts: [{name: c, context: {cluster: other, user: other}}]
            """)
        let environment = ["KUBECONFIG": "\(first):\(folder.path)/missing:\(second)"]
        let connection = try Kubeconfig.read(environment: environment).connection()
        #expect(connection.server == "https://k")
        let credential = try await connection.credentials.current()
        #expect(credential.token == "mine")
    }

    @Test("without any file the error names the paths that were searched")
    func missing() {
        let error = #expect(throws: APIError.self) { try Kubeconfig.read(environment: ["HOME": "/nowhere"]) }
        #expect(message(of: error).contains("/nowhere/.kube/config"))
    }

    @Test(
        "an error names the place in the file and never quotes the text",
        arguments: [
            ("users: [{name: a, user: {token: s3cret}}", "line"),
            ("users: [{name: a, user: {token: [s3cret]}}]", "users[0].user.token"),
            ("clusters: [{name: a, cluster: {proxy-url: s3cret}}]", "clusters[0].cluster.server"),
            ("users: [{name: a, user: {client-certificate-data: 's3cret!', client-key-data: 'x'}}]", "is not base64"),
        ])
    func broken(text: String, says: String) {
        let error = #expect(throws: APIError.self) { try Kubeconfig.parse(text, path: "/f") }
        let message = message(of: error)
        #expect(message.contains(says), "\(message)")
        #expect(!message.contains("s3cret"))
    }

    @Test("errors name the cluster of the settings; in a pod it is the pod's own cluster")
    func settings() throws {
        let folder = try Folder()
        let missing = ClusterSettings(name: "prod", kubeconfig: "\(folder.path)/none")
        let error = #expect(throws: APIError.self) { try missing.connection(environment: [:]) }
        #expect(message(of: error).hasPrefix("cluster 'prod': "))
        let pod = ["KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"]
        try folder.write("token", "pod-token\n")
        try folder.write("namespace", "payments")
        let connection = try ClusterConnection.inCluster(environment: pod, folder: folder.path)
        #expect(connection.server == "https://[fd00::1]:443")
        #expect(connection.namespace == "payments")
        #expect(throws: APIError.self) { try ClusterConnection.inCluster(environment: [:], folder: folder.path) }
    }
}
