import NIOSSL

/// The contents of the files with which a server serves TLS, so that changes can be detected.
package struct ServerCertificate: Hashable, Sendable {
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

    /// - Parameter protocols: what the server offers (ALPN), the preferred one first.
    /// - Throws: `CertificateProblem`.
    package func context(minimumVersion: TLSVersion = .tlsv12, protocols: [String]) throws -> NIOSSLContext {
        let chain = try reading("the certificate file") { try NIOSSLCertificate.fromPEMBytes(certificates) }
        guard !chain.isEmpty else {
            throw CertificateProblem("the certificate file contains no certificate in PEM format")
        }
        let privateKey = try reading("the key file") { try NIOSSLPrivateKey(bytes: key, format: .pem) }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(privateKey))
        configuration.minimumTLSVersion = minimumVersion
        configuration.applicationProtocols = protocols
        if let clientAuthorities {
            let roots = try reading("the client CA file") { try NIOSSLCertificate.fromPEMBytes(clientAuthorities) }
            guard !roots.isEmpty else {
                throw CertificateProblem("the client CA file contains no certificate in PEM format")
            }
            configuration.trustRoots = .certificates(roots)
            configuration.certificateVerification = .noHostnameVerification
        }
        return try reading("the pair of certificate and key") { try NIOSSLContext(configuration: configuration) }
    }

    private func reading<Value>(_ what: String, _ work: () throws -> Value) throws(CertificateProblem) -> Value {
        do { return try work() } catch { throw CertificateProblem("\(what) cannot be used: \(error)") }
    }
}

/// Why the files cannot be used for TLS. It never contains their content.
package struct CertificateProblem: Error, Hashable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}
