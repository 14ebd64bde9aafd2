import ModelManifests
import NIOSSL
import Serving
import Transport

/// What a new connection to an endpoint gets.
enum EndpointSecurity: Sendable {
    case clear
    case tls(NIOSSLContext)
    /// The endpoint must have TLS, no usable certificate was ever read, and it had nothing before. No connection is accepted.
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

/// The certificates of endpoints with TLS. They are read again regularly.
///
/// A file that cannot be used changes nothing: the endpoint keeps its last certificate, or, if the files of a new setting cannot
/// be used, the setting before as a whole, with its address. The report says why. Only an endpoint that has nothing before, here
/// or at this port, accepts nothing.
struct EndpointCertificates {
    private struct Kept {
        /// The setting in force; nil: without TLS.
        var tls: EndpointTLS?
        var port: Int
        var address: String?
        var material: ServerCertificate?
        var security: EndpointSecurity
        /// The route asks for TLS.
        var wantsTLS: Bool
        /// The route asks for another setting than the one in force.
        var isHeld = false
        /// Why the files of now are not used.
        var problem: String?
    }

    /// Of all routes, so that it is known what an endpoint had before its route asked for TLS.
    private var kept: [DeploymentKey: Kept] = [:]

    var securities: [DeploymentKey: EndpointSecurity] { kept.filter(\.value.wantsTLS).mapValues(\.security) }

    /// Why the files of now are not used, although the endpoint accepts connections.
    var problems: [DeploymentKey: String] {
        kept.compactMapValues { kept in kept.security.problem == nil ? kept.problem : nil }
    }

    /// Where endpoints stay that keep the setting before. Another address could be within reach of more clients.
    var heldAddresses: [DeploymentKey: String?] { kept.filter(\.value.isHeld).mapValues(\.address) }

    /// Reads the files of all routes with TLS, and forgets those of other routes.
    ///
    /// - Parameter read: a file's content, by its path and whether it is a secret.
    /// - Returns: whether anything that new connections or the report need has changed.
    mutating func follow(
        _ routes: [ProxyRoute], read: (_ path: String, _ isSecret: Bool) throws -> [UInt8] = TLSFile.read
    ) -> Bool {
        var hasChanged = false
        let wanted = Dictionary(routes.map { ($0.deployment, $0) }) { first, _ in first }
        for (deployment, former) in kept where wanted[deployment] == nil {
            kept[deployment] = nil
            hasChanged = hasChanged || former.wantsTLS
        }
        for (deployment, route) in wanted {
            let former = kept[deployment]
            guard let tls = route.tls else {
                kept[deployment] = Kept(
                    port: route.port, address: route.address, security: .clear, wantsTLS: false)
                hasChanged = hasChanged || former?.wantsTLS == true
                continue
            }
            let next = Self.next(former, route, tls, read)
            hasChanged = hasChanged || next.hasChanged
            kept[deployment] = next.kept
        }
        return hasChanged
    }

    private static func next(
        _ former: Kept?, _ route: ProxyRoute, _ tls: EndpointTLS,
        _ read: (_ path: String, _ isSecret: Bool) throws -> [UInt8]
    ) -> (kept: Kept, hasChanged: Bool) {
        var next =
            former
            ?? Kept(
                tls: tls, port: route.port, address: route.address,
                security: .unusable("endpoint.tls: its files were not read yet"), wantsTLS: true)
        var hasChanged = former?.wantsTLS != true
        next.wantsTLS = true
        do {
            let material = ServerCertificate(
                certificates: try read(tls.certificateFile, false), key: try read(tls.keyFile, true),
                clientAuthorities: try tls.clientCAFile.map { try read($0, false) })
            if material != next.material || tls != next.tls {
                next.security = .tls(
                    try material.context(minimumVersion: tls.minimumVersion.version, protocols: ["h2", "http/1.1"]))
                hasChanged = true
            }
            hasChanged = hasChanged || next.problem != nil
            next = Kept(
                tls: tls, port: route.port, address: route.address, material: material, security: next.security,
                wantsTLS: true)
        } catch {
            let files = tls.files.map { "\($0.field) \($0.path)" }.joined(separator: ", ")
            let problem = "endpoint.tls: \(error)" + (error is CertificateProblem ? " (\(files))" : "")
            // At another port, clients may count on more than this endpoint had before.
            let isLessSafe = tls.isStricter(than: next.tls) && route.port != next.port
            var told: String
            if next.security.problem != nil || isLessSafe {
                told = "\(problem). Correct that, or the setting; the files are read again by themselves"
                next = Kept(
                    tls: tls, port: route.port, address: route.address, security: .unusable(told), wantsTLS: true)
            } else if tls == next.tls {
                told = "\(problem). The last certificate stays in use."
                (next.port, next.address, next.isHeld) = (route.port, route.address, false)
            } else {
                let stays = next.tls == nil ? "accepts connections without TLS" : "keeps its TLS setting"
                told =
                    "\(problem). Until somebody corrects that, nothing changes: the endpoint \(stays) as before"
                    + (next.address == route.address ? "." : ", at the same address as before.")
                next.isHeld = true
            }
            hasChanged = hasChanged || next.problem != told
            next.problem = told
        }
        return (next, hasChanged)
    }
}

extension EndpointTLS {
    /// Whether some client of the other must not be served any more.
    ///
    /// - Parameter other: nil: no TLS.
    fileprivate func isStricter(than other: EndpointTLS?) -> Bool {
        guard let other else { return true }
        return clientCAFile != other.clientCAFile && clientCAFile != nil
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
