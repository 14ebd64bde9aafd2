import ModelManifests
import Rollouts

/// Which clients the endpoint that serves now lets in, as far as that is known. Pure.
struct EndpointAccess: Hashable {
    var isLocal: Bool
    var port: Int?
    /// Nil where it is not known.
    var hasTLS: Bool?
    /// Nil: the proxy's own, 127.0.0.1.
    var address: String?
    var clientCAFile: String?
    var minimumVersion: EndpointTLS.Version

    /// - Parameters:
    ///   - url: the endpoint as the controller sees it; nil where it is not open.
    ///   - settings: those in force, in words.
    ///   - before: the manifest of the earlier commit. It may not be what is in force.
    init(url: String?, settings: [SettingDescription], before: ModelDeployment?, isLocal: Bool) {
        func text(_ name: String) -> String? { settings.first { $0.name == name }?.text }
        let told = text("endpoint")?.split(separator: ",").first.map(String.init)
        self.isLocal = isLocal
        let known = isLocal ? url ?? told : nil
        port = known.flatMap(Self.port) ?? before?.endpoint.port
        hasTLS = known.flatMap { known in
            known.hasPrefix("https://") ? true : known.hasPrefix("http://") ? false : nil
        }
        if hasTLS == nil { hasTLS = before.map { $0.endpoint.tls != nil } }
        address = text("endpoint.address")
        clientCAFile = text("endpoint.tls.clientCAFile")
        minimumVersion = text("endpoint.tls.minimumVersion").flatMap(EndpointTLS.Version.init) ?? .tls12
    }

    private static func port(_ url: String) -> Int? {
        guard let colon = url.lastIndex(of: ":") else { return nil }
        return Int(url[url.index(after: colon)...].prefix { $0.isASCII && $0.isNumber })
    }

    /// Which requests of today's clients are not answered any more with the deployment's new endpoint, one sentence each, without
    /// full stop.
    ///
    /// - Parameter otherPorts: the ports that other deployments of the plan ask for.
    func refusals(by deployment: ModelDeployment, otherPorts: [Int: DeploymentKey]) -> [String] {
        let endpoint = deployment.endpoint
        var refused: [String] = []
        if let port, let next = endpoint.port, next != port {
            let other = otherPorts[port].flatMap { $0 == deployment.key ? nil : $0 }
            refused.append(
                other.map {
                    "requests to port \(port) go to another deployment, \($0), as soon as the commit is read: clients must use "
                        + "port \(next)"
                }
                    ?? "requests to port \(port) are refused as soon as the commit is read: clients must use port \(next)"
            )
        }
        guard isLocal, deployment.target == .local else { return refused }
        if !Self.covers(endpoint.address, address) {
            refused.append(
                "requests to address \(address ?? Self.loopback) are refused as soon as the commit is read: clients must use "
                    + "\(endpoint.address ?? Self.loopback)")
        }
        switch (hasTLS, endpoint.tls) {
        case (true?, nil):
            refused.append("requests by https: fail as soon as the commit is read: clients must use http:")
        case (false?, let tls?):
            let certificate = tls.clientCAFile.map { ", with a certificate of the authorities in \($0)" } ?? ""
            refused.append(
                "requests by http: are refused as soon as the commit is read: clients must use https:\(certificate)")
        case (_, let tls?):
            if let authorities = tls.clientCAFile, authorities != clientCAFile {
                refused.append(
                    "clients without a certificate of the authorities in \(authorities) are refused as soon as the commit is read"
                )
            }
            if tls.minimumVersion == .tls13, minimumVersion == .tls12 {
                refused.append("clients without TLS 1.3 are refused as soon as the commit is read")
            }
        case (_, nil): break
        }
        return refused
    }

    private static let loopback = "127.0.0.1"

    /// Whether all requests to the old address arrive at the new one.
    private static func covers(_ new: String?, _ old: String?) -> Bool {
        let (new, old) = (new ?? loopback, old ?? loopback)
        return new == old || new == "0.0.0.0" && !old.contains(":") || new == "::" && old.contains(":")
    }
}
