import AsyncHTTPClient
import Foundation
import NIOCore
import SafeText

/// The server's address, the name to verify in its certificate, and the proxy on the way.
struct ServerAddress: Sendable {
    /// `https://host:6443/prefix`, with the name to verify instead of the host.
    private let base: String
    /// The address as the kubeconfig gives it, for the `Host` header and for messages.
    let authority: String
    let host: String
    let port: Int
    let isTLS: Bool
    /// Nil if the host is an IP address. TLS then verifies the address itself.
    let serverName: String?
    /// Resolves the name in `base` to the real host.
    let dnsOverride: (name: String, host: String)?
    let proxy: HTTPClient.Configuration.Proxy?

    /// - Throws: `APIError(.credentials)`: the settings must change first.
    init(_ connection: ClusterConnection) throws {
        guard let components = URLComponents(string: connection.server), let scheme = components.scheme,
            ["https", "http"].contains(scheme), let named = components.host, !named.isEmpty
        else {
            throw APIError(
                .credentials,
                message: "the server '\(connection.server)' is not a valid address. Write it as https://host:6443.")
        }
        isTLS = scheme == "https"
        host = named.trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        port = components.port ?? (isTLS ? 443 : 80)
        let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
        authority = Escape.authority(host, port)
        var path = components.percentEncodedPath
        while path.hasSuffix("/") { path.removeLast() }
        if isTLS, let name = connection.serverName, !name.isEmpty, name != host {
            serverName = name
            dnsOverride = (name, host)
            base = "\(scheme)://\(name):\(port)\(path)"
        } else {
            serverName = isAddress ? nil : host
            dnsOverride = nil
            base = "\(scheme)://\(authority)\(path)"
        }
        proxy = try connection.proxyURL.map { try Self.proxy($0, connection.proxySetting) }
        if proxy != nil, isTLS, serverName == nil, !connection.trust.isInsecure {
            let isOfEnvironment = connection.proxySetting != ClusterConnection.proxySetting
            throw APIError(
                .credentials,
                message:
                    "behind a proxy (\(connection.proxySetting)), the certificate of a server that is given by its "
                    + "IP address (\(host)) cannot be checked. Set tls-server-name to a name in its certificate, such as "
                    + "`kubernetes`"
                    + (isOfEnvironment ? ", or name \(host) in NO_PROXY if it is reached directly." : "."))
        }
    }

    func url(_ target: String) -> String { base + target }

    private static func proxy(_ text: String, _ setting: String) throws -> HTTPClient.Configuration.Proxy {
        guard let components = URLComponents(string: text), let host = components.host, !host.isEmpty else {
            throw APIError(.credentials, message: "\(setting) is not a valid address. Write it as http://host:3128.")
        }
        switch components.scheme {
        case "http":
            let authorization = components.user.map {
                HTTPClient.Authorization.basic(username: $0, password: components.password ?? "")
            }
            return .server(host: host, port: components.port ?? 80, authorization: authorization)
        case "socks5", "socks5h": return .socksServer(host: host, port: components.port ?? 1080)
        default:
            throw APIError(
                .credentials,
                message: "\(setting) has the scheme '\(components.scheme ?? "")', but only http and socks5 work.")
        }
    }
}
