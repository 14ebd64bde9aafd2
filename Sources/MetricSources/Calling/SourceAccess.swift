import Foundation
import NIOSSL
import Synchronization

/// Credentials, certificates and time-out for calls to a source.
package struct SourceAccess: Hashable, Sendable {
    package enum Credentials: Hashable, Sendable {
        case none
        case bearerToken(file: String)
        case basic(username: String, passwordFile: String)
    }

    package static let defaultTimeout: Duration = .seconds(10)

    package var credentials: Credentials
    /// A PEM file with certificate authorities to trust in addition to those of the system.
    package var caFile: String?
    package var clientCertificateFile: String?
    package var clientKeyFile: String?
    package var insecureSkipTLSVerify: Bool
    /// For one call, from connecting to the last byte of the answer.
    package var timeout: Duration

    package init(
        credentials: Credentials = .none, caFile: String? = nil, clientCertificateFile: String? = nil,
        clientKeyFile: String? = nil, insecureSkipTLSVerify: Bool = false, timeout: Duration = defaultTimeout
    ) {
        self.credentials = credentials
        self.caFile = caFile
        self.clientCertificateFile = clientCertificateFile
        self.clientKeyFile = clientKeyFile
        self.insecureSkipTLSVerify = insecureSkipTLSVerify
        self.timeout = timeout
    }

    /// The value of the `Authorization` header.
    ///
    /// - Throws: `SourceError` if the secret cannot be read.
    func authorization() throws -> String? {
        switch credentials {
        case .none: nil
        case .bearerToken(let file): "Bearer \(try SecretFile(path: file).read())"
        case .basic(let username, let passwordFile):
            "Basic " + Data("\(username):\(try SecretFile(path: passwordFile).read())".utf8).base64EncodedString()
        }
    }
}

/// The TLS configuration of a source. The files are read for every call, but parsed only when they have changed: the connection
/// pool compares configurations by identity of their parsed certificates.
final class SourceCertificates: Sendable {
    /// A bundle of all public authorities has about 200 KiB.
    static let mostBytes = 4 << 20

    private let access: SourceAccess
    private let parsed = Mutex<(files: [Data?], tls: TLSConfiguration)?>(nil)

    init(_ access: SourceAccess) { self.access = access }

    /// - Throws: `SourceError` that names the file.
    func tlsConfiguration() throws -> TLSConfiguration {
        let files = try [access.caFile, access.clientCertificateFile, access.clientKeyFile].map { path in
            try path.map(Self.contents(of:))
        }
        return try parsed.withLock { parsed in
            if let parsed, parsed.files == files { return parsed.tls }
            let tls = try configuration(of: files)
            parsed = (files, tls)
            return tls
        }
    }

    private func configuration(of files: [Data?]) throws -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        if access.insecureSkipTLSVerify { tls.certificateVerification = .none }
        if let authorities = files[0] {
            tls.additionalTrustRoots = [.certificates(try certificates(authorities, in: access.caFile))]
        }
        if let chain = files[1], let key = files[2] {
            tls.certificateChain = try certificates(chain, in: access.clientCertificateFile).map { .certificate($0) }
            do {
                tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: Array(key), format: .pem))
            } catch {
                throw SourceError(
                    .missingSecret, "\(access.clientKeyFile ?? "") does not contain a private key in PEM format")
            }
        }
        return tls
    }

    private func certificates(_ bytes: Data, in path: String?) throws -> [NIOSSLCertificate] {
        guard let found = try? NIOSSLCertificate.fromPEMBytes(Array(bytes)), !found.isEmpty else {
            throw SourceError(.missingSecret, "\(path ?? "") does not contain a certificate in PEM format")
        }
        return found
    }

    private static func contents(of path: String) throws -> Data {
        guard let file = FileHandle(forReadingAtPath: path), let bytes = try? file.read(upToCount: mostBytes) else {
            throw SourceError(
                .missingSecret, "\(path) cannot be read: check the path, and that the controller may read it")
        }
        return bytes
    }
}
