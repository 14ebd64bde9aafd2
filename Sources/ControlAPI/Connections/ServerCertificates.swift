import Foundation
import NIOSSL
import Synchronization

/// The TLS certificate for new connections. It can be replaced at any time; open connections keep the one that they started with.
package final class ServerCertificates: Sendable {
    /// The contents of the files, so that changes can be detected.
    package struct Material: Hashable, Sendable {
        /// PEM: the server's certificate first, then the intermediate certificates.
        package var certificates: [UInt8]
        package var key: [UInt8]
        /// PEM of the authorities that client certificates must come from; nil accepts all clients.
        package var clientAuthorities: [UInt8]?

        package init(certificates: [UInt8], key: [UInt8], clientAuthorities: [UInt8]?) {
            self.certificates = certificates
            self.key = key
            self.clientAuthorities = clientAuthorities
        }
    }

    private struct State {
        var material: Material
        var context: NIOSSLContext
        var former: Material?
    }

    private let state: Mutex<State>

    /// - Throws: `CertificateProblem`.
    package init(_ material: Material) throws {
        state = Mutex(State(material: material, context: try Self.context(material)))
    }

    package var material: Material { state.withLock { $0.material } }

    /// The files before the last replacement.
    var former: Material? { state.withLock { $0.former } }

    var current: NIOSSLContext { state.withLock { $0.context } }

    /// - Throws: `CertificateProblem`. The previous certificate then stays in use.
    package func replace(_ material: Material) throws {
        let context = try Self.context(material)
        state.withLock { $0 = State(material: material, context: context, former: $0.material) }
    }

    private static func context(_ material: Material) throws -> NIOSSLContext {
        let chain = try reading("the certificate file") {
            try NIOSSLCertificate.fromPEMBytes(material.certificates)
        }
        guard !chain.isEmpty else {
            throw CertificateProblem("the certificate file contains no certificate in PEM format")
        }
        let key = try reading("the key file") { try NIOSSLPrivateKey(bytes: material.key, format: .pem) }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        if let authorities = material.clientAuthorities {
            let roots = try reading("the client CA file") { try NIOSSLCertificate.fromPEMBytes(authorities) }
            guard !roots.isEmpty else {
                throw CertificateProblem("the client CA file contains no certificate in PEM format")
            }
            configuration.trustRoots = .certificates(roots)
            configuration.certificateVerification = .noHostnameVerification
        }
        return try reading("the pair of certificate and key") {
            try NIOSSLContext(configuration: configuration)
        }
    }

    private static func reading<Value>(_ what: String, _ work: () throws -> Value) throws(CertificateProblem) -> Value {
        do { return try work() } catch { throw CertificateProblem("\(what) cannot be used: \(error)") }
    }
}

/// Why the files cannot be used for TLS. It never contains their content.
package struct CertificateProblem: Error, Hashable, CustomStringConvertible {
    package var description: String

    init(_ description: String) { self.description = description }
}
