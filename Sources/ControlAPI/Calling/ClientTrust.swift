import AsyncHTTPClient
import Foundation
import Glibc
import NIOCore
import NIOSSL
import Synchronization
import Transport

/// What a client of https: servers goes by beside the machine's own authorities, and shows of itself. All PEM.
public struct ClientTrust: Hashable, Sendable {
    public var authorities: [UInt8]?
    public var certificates: [UInt8]?
    public var key: [UInt8]?
    /// Certificates of which the server has to show one, whoever gave them and for whatever address: between controllers of
    /// one name, which answer at addresses that are in no certificate. Nil: whatever an authority vouches for.
    var pinned: [UInt8]?

    public static let standard = ClientTrust()

    public init(authorities: [UInt8]? = nil, certificates: [UInt8]? = nil, key: [UInt8]? = nil) {
        self.authorities = authorities
        self.certificates = certificates
        self.key = key
    }

    /// - Throws: `CertificateProblem`.
    func tls() throws(CertificateProblem) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        // `ControlClients` looks at the certificate itself then.
        if pinned != nil { configuration.certificateVerification = .none }
        do {
            if let authorities {
                let roots = try NIOSSLCertificate.fromPEMBytes(authorities)
                guard !roots.isEmpty else { throw CertificateProblem("the CA file holds no certificate in PEM form") }
                configuration.additionalTrustRoots = [.certificates(roots)]
            }
            if let certificates, let key {
                configuration.certificateChain = try NIOSSLCertificate.fromPEMBytes(certificates).map {
                    .certificate($0)
                }
                configuration.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: key, format: .pem))
            }
        } catch let problem as CertificateProblem {
            throw problem
        } catch {
            throw CertificateProblem("a certificate, key or CA file of --ca-file, --cert-file or --key-file: \(error)")
        }
        return configuration
    }
}

/// The HTTP clients of this process. Never shut down, as `HTTPClient.shared` is, whose time-outs and redirects do not suit.
enum ControlClients {
    static let connectionLimit = 128
    static let connectSeconds: Int64 = 5

    struct Key: Hashable {
        var trust: ClientTrust
        /// Of an answer that has begun.
        var silenceSeconds: Int64
    }

    private static let made = Mutex<[Key: HTTPClient]>([:])

    /// - Throws: `CertificateProblem`.
    static func client(_ trust: ClientTrust = .standard, silenceSeconds: Int64) throws -> HTTPClient {
        let key = Key(trust: trust, silenceSeconds: silenceSeconds)
        return try made.withLock { made in
            if let client = made[key] { return client }
            let tls = trust == .standard ? nil : try trust.tls()
            let pinned = try trust.pinned.map { Set(try NIOSSLCertificate.fromPEMBytes($0)) }
            let client = HTTPClient.careful {
                $0.timeout = .init(connect: .seconds(connectSeconds), read: .seconds(silenceSeconds))
                $0.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connectionLimit
                $0.tlsConfiguration = tls
                $0.http1_1ConnectionDebugInitializer = { checkPeer(of: $0, pinned: pinned) }
            }
            made[key] = client
            return client
        }
    }

    /// Before anything is sent over a local socket: at its other end must be this user, or whoever owns the socket's
    /// folder where this user is root.
    private static func checkPeer(of channel: any Channel, pinned: Set<NIOSSLCertificate>?) -> EventLoopFuture<Void> {
        guard let path = channel.remoteAddress?.pathname, !path.isEmpty else {
            guard let pinned else { return channel.eventLoop.makeSucceededVoidFuture() }
            return checkCertificate(of: channel, isOneOf: pinned)
        }
        return PeerCredentials.user(of: channel).flatMapThrowing { user in
            guard let user, user == geteuid() || (geteuid() == 0 && user == owner(ofFolderOf: path)) else {
                channel.close(promise: nil)
                throw LocalSocketError(
                    "\(path) is held by another user (\(user.map(UserName.of) ?? "unknown")): nothing was sent there")
            }
        }
    }

    private static func checkCertificate(
        of channel: any Channel, isOneOf pinned: Set<NIOSSLCertificate>
    ) -> EventLoopFuture<Void> {
        channel.nioSSL_peerCertificate().flatMapThrowing { shown in
            guard let shown, pinned.contains(shown) else {
                channel.close(promise: nil)
                throw CertificateProblem("it shows another certificate than this controller's own")
            }
        }
    }

    private static func owner(ofFolderOf path: String) -> UInt32? {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        var about = stat()
        return stat(folder, &about) == 0 ? about.st_uid : nil
    }
}

/// Where a socket can be connected to, however long its path is. Folders stay open as long as the process: a number that
/// was given to another folder would lead there.
enum LocalSocketPaths {
    private static let longest = 100
    private static let places = Mutex<[String: LocalSocketPlace]>([:])

    /// - Throws: `LocalSocketError`.
    static func connectable(_ path: String) throws -> String {
        guard path.utf8.count > longest else { return path }
        return try places.withLock { places in
            if let place = places[path] { return place.shortPath }
            let place = try LocalSocketPlace(path: path)
            places[path] = place
            return place.shortPath
        }
    }
}
