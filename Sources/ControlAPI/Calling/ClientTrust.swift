import AsyncHTTPClient
import Foundation
import Glibc
import NIOCore
import NIOSSL
import Synchronization
import Transport

/// What a client of https: servers trusts in addition to the machine's authorities, and its own certificate. All in PEM.
package struct ClientTrust: Hashable, Sendable {
    package var authorities: [UInt8]?
    package var certificates: [UInt8]?
    package var key: [UInt8]?
    /// The server must present one of these certificates; authority and address are not checked. Used between controllers of the
    /// same name, whose pod addresses appear in no certificate. Nil: normal verification.
    var pinned: [UInt8]?

    package static let standard = ClientTrust()

    package init(authorities: [UInt8]? = nil, certificates: [UInt8]? = nil, key: [UInt8]? = nil) {
        self.authorities = authorities
        self.certificates = certificates
        self.key = key
    }

    /// - Throws: `CertificateProblem`.
    func tls() throws(CertificateProblem) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        // `ControlClients` then compares the certificate itself.
        if pinned != nil { configuration.certificateVerification = .none }
        do {
            if let authorities {
                let roots = try NIOSSLCertificate.fromPEMBytes(authorities)
                guard !roots.isEmpty else {
                    throw CertificateProblem("the CA file contains no certificate in PEM format")
                }
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
            throw CertificateProblem("a file of --ca-file, --cert-file or --key-file cannot be used: \(error)")
        }
        return configuration
    }
}

/// The HTTP clients of this process. They are never shut down. `HTTPClient.shared` is not used, because its time-outs and
/// redirects differ.
enum ControlClients {
    static let connectionLimit = 128
    static let connectSeconds: Int64 = 5

    struct Key: Hashable {
        var trust: ClientTrust
        /// The longest pause within an answer.
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

    /// Runs before anything is sent over a local socket. The process at the other end must belong to this user, or, if this user
    /// is root, to the owner of the socket's folder.
    private static func checkPeer(of channel: any Channel, pinned: Set<NIOSSLCertificate>?) -> EventLoopFuture<Void> {
        guard let path = channel.remoteAddress?.pathname, !path.isEmpty else {
            guard let pinned else { return channel.eventLoop.makeSucceededVoidFuture() }
            return checkCertificate(of: channel, isOneOf: pinned)
        }
        return PeerCredentials.user(of: channel).flatMapThrowing { user in
            guard let user, user == geteuid() || (geteuid() == 0 && user == owner(ofFolderOf: path)) else {
                channel.close(promise: nil)
                throw LocalSocketError(
                    "\(path) belongs to another user (\(user.map(UserName.of) ?? "unknown")): nothing was sent")
            }
        }
    }

    private static func checkCertificate(
        of channel: any Channel, isOneOf pinned: Set<NIOSSLCertificate>
    ) -> EventLoopFuture<Void> {
        channel.nioSSL_peerCertificate().flatMapThrowing { shown in
            guard let shown, pinned.contains(shown) else {
                channel.close(promise: nil)
                throw CertificateProblem("it presents another certificate than this controller's own")
            }
        }
    }

    private static func owner(ofFolderOf path: String) -> UInt32? {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        var about = stat()
        return stat(folder, &about) == 0 ? about.st_uid : nil
    }
}

/// Gives sockets with long paths a short path that can be connected to. The folders stay open for the life of the process,
/// because a reused descriptor number would lead to another folder.
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
