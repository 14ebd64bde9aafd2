import Foundation
import JSON
import Transport

/// The JSON that an exec plugin reads and prints (`ExecCredential`).
enum ExecCredential {
    private struct Request: Encodable {
        struct Spec: Encodable {
            var cluster: Cluster?
            var interactive = false
        }
        struct Cluster: Encodable {
            var server: String
            var serverName: String?
            var isInsecure: Bool?
            var authoritiesData: String?
            var proxyURL: String?
            var config: JSONValue?

            enum CodingKeys: String, CodingKey {
                case server, config
                case serverName = "tls-server-name"
                case isInsecure = "insecure-skip-tls-verify"
                case authoritiesData = "certificate-authority-data"
                case proxyURL = "proxy-url"
            }
        }

        var apiVersion: String
        var kind = "ExecCredential"
        var spec: Spec
    }

    private struct Answer: Decodable {
        struct Status: Decodable {
            var expirationTimestamp: String?
            var token: String?
            var clientCertificateData: String?
            var clientKeyData: String?
        }

        var apiVersion: String
        var kind: String
        var status: Status?
    }

    /// The value of `KUBERNETES_EXEC_INFO`.
    static func info(_ plugin: ExecPlugin, cluster: Kubeconfig.Cluster, now: Duration) throws -> String {
        var spec = Request.Spec()
        if plugin.provideClusterInfo == true {
            let authorities = try cluster.authoritiesData ?? cluster.authorities?.contents(now)
            spec.cluster = Request.Cluster(
                server: cluster.server, serverName: cluster.serverName, isInsecure: cluster.isInsecure ? true : nil,
                authoritiesData: authorities?.base64EncodedString(), proxyURL: cluster.proxyURL,
                config: cluster.pluginSettings)
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(Request(apiVersion: plugin.apiVersion, spec: spec)), as: UTF8.self)
    }

    /// - Throws: `APIError(.credentials)`. The message does not quote the plugin's output, which may hold a token.
    static func read(_ output: Data, of plugin: ExecPlugin) throws -> (credential: Credential, expiresAt: Date?) {
        func refuse(_ reason: String) -> APIError {
            APIError(.credentials, message: "the exec plugin \(plugin.command) \(reason)")
        }
        guard let answer = try? JSONDecoder().decode(Answer.self, from: output) else {
            throw refuse("did not print an ExecCredential: its standard output must be only that JSON object.")
        }
        guard answer.kind == "ExecCredential", answer.apiVersion == plugin.apiVersion else {
            throw refuse(
                "answered with \(answer.kind.prefix(64)) of \(answer.apiVersion.prefix(64)) instead of ExecCredential of "
                    + "\(plugin.apiVersion): use the same apiVersion in the kubeconfig and in the plugin.")
        }
        var credential = Credential(token: answer.status?.token.flatMap { $0.isEmpty ? nil : $0 })
        switch (answer.status?.clientCertificateData, answer.status?.clientKeyData) {
        case (let chain?, let key?):
            credential.certificate = try ClientCertificate(
                chain: Data(chain.utf8), key: Data(key.utf8), place: "the exec plugin \(plugin.command)")
        case (nil, nil): break
        default: throw refuse("returned only one of clientCertificateData and clientKeyData: both are needed.")
        }
        guard credential.token != nil || credential.certificate != nil else {
            throw refuse("returned neither a token nor a client certificate.")
        }
        guard let text = answer.status?.expirationTimestamp else { return (credential, nil) }
        guard let expiresAt = RFC3339.date(text) else {
            throw refuse("returned an expirationTimestamp that is not an RFC 3339 time.")
        }
        return (credential, expiresAt)
    }
}
