import ModelManifests
import NIOSSL
import Serving
import Transport

/// What a new connection to an endpoint gets.
enum EndpointSecurity: Sendable {
    case clear
    case tls(NIOSSLContext)
    /// The endpoint must have TLS, and no usable certificate was ever read. No connection is accepted.
    case unusable(String)

    var problem: String? { if case .unusable(let problem) = self { problem } else { nil } }

    /// Whether connections that were accepted under the other may stay.
    func isLike(_ other: EndpointSecurity) -> Bool {
        switch (self, other) {
        case (.clear, .clear), (.tls, .tls), (.tls, .unusable), (.unusable, .tls), (.unusable, .unusable): true
        case (.clear, _), (_, .clear): false
        }
    }
}

/// The certificates of endpoints with TLS. They are read again regularly. A file that cannot be used has no effect: the
/// endpoint keeps its last certificate, and the report says why.
struct EndpointCertificates {
    private struct Kept {
        var tls: EndpointTLS
        var material: ServerCertificate?
        var security: EndpointSecurity
        /// Why the files of now are not used.
        var problem: String?
    }

    private var kept: [DeploymentKey: Kept] = [:]

    var securities: [DeploymentKey: EndpointSecurity] { kept.mapValues(\.security) }

    /// Why the files of now are not used, although the endpoint has a certificate.
    var problems: [DeploymentKey: String] {
        kept.compactMapValues { kept in kept.security.problem == nil ? kept.problem : nil }
    }

    /// Reads the files of all routes with TLS, and forgets those of other routes.
    ///
    /// - Parameter read: a file's content, by its path and whether it is a secret.
    /// - Returns: whether anything that new connections or the report need has changed.
    mutating func follow(
        _ routes: [ProxyRoute], read: (_ path: String, _ isSecret: Bool) throws -> [UInt8] = TLSFile.read
    ) -> Bool {
        var hasChanged = false
        let wanted = Dictionary(
            routes.compactMap { route in route.tls.map { (route.deployment, $0) } }
        ) { first, _ in first }
        for deployment in kept.keys where wanted[deployment] == nil {
            kept[deployment] = nil
            hasChanged = true
        }
        for (deployment, tls) in wanted {
            var next = kept[deployment] ?? Kept(tls: tls, security: .unusable("its files were not read yet"))
            do {
                let material = ServerCertificate(
                    certificates: try read(tls.certificateFile, false), key: try read(tls.keyFile, true),
                    clientAuthorities: try tls.clientCAFile.map { try read($0, false) })
                if material != next.material || tls != next.tls {
                    next.security = .tls(
                        try material.context(
                            minimumVersion: tls.minimumVersion.version, protocols: ["h2", "http/1.1"]))
                    next.material = material
                    next.tls = tls
                    hasChanged = true
                }
                hasChanged = hasChanged || next.problem != nil
                next.problem = nil
            } catch {
                let problem = "endpoint.tls: \(error)"
                // Authorities of clients or a higher version must not wait for a good file: until then anybody could connect.
                if next.security.problem != nil || tls.isStricter(than: next.tls) {
                    next.security = .unusable(problem)
                    next.material = nil
                    next.tls = tls
                }
                let told = problem + (next.security.problem == nil ? ". The last certificate stays in use." : "")
                hasChanged = hasChanged || next.problem != told
                next.problem = told
            }
            kept[deployment] = next
        }
        return hasChanged
    }
}

extension EndpointTLS {
    /// Whether some client of the other must not be served any more.
    fileprivate func isStricter(than other: EndpointTLS) -> Bool {
        clientCAFile != other.clientCAFile && clientCAFile != nil
            || minimumVersion == .tls13 && other.minimumVersion == .tls12
    }
}

extension EndpointTLS.Version {
    fileprivate var version: TLSVersion {
        switch self {
        case .tls12: .tlsv12
        case .tls13: .tlsv13
        }
    }
}
