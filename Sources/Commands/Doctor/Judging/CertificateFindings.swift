import Foundation

/// Checks whether clients will accept the API's certificate. Pure.
enum CertificateFindings {
    struct Certificate: Hashable, Sendable {
        var notBefore: Date
        var notAfter: Date
        /// DNS names and IP addresses.
        var names: [String]
        var isSelfSigned: Bool
    }

    enum Material: Hashable, Sendable {
        case none
        case unusable(reason: String)
        case certificate(Certificate, clientAuthorities: [Certificate])
    }

    static let renewDays = 14
    private static let daySeconds: TimeInterval = 86_400

    /// - Parameters:
    ///   - material: nil where the settings cannot be read.
    ///   - hosts: the host names that clients use.
    static func all(_ material: Material?, file: String, hosts: [String], now: Date) -> [Finding] {
        switch material {
        case nil:
            return [CheckID.tlsCertificate, .tlsName].map { .notLookedAt($0, "the settings cannot be read") }
        case .some(.none):
            return [CheckID.tlsCertificate, .tlsName].map {
                .notApplicable($0, "the settings name no certificate (tls:)")
            }
        case .unusable(let reason):
            return [
                .problem(
                    .tlsCertificate, "tls: \(reason)",
                    "Put a certificate and its key there, in PEM format"),
                .notLookedAt(.tlsName, "the certificate cannot be read"),
            ]
        case .certificate(let certificate, let authorities):
            var found = [validity(certificate, file, now)]
            found += authorities.filter { $0.notAfter < now }.prefix(1).map { authority in
                .problem(
                    .tlsCertificate,
                    "a certificate authority in clientCAFile expired at \(authority.notAfter.formatted(.iso8601)), so its clients are refused",
                    "Put the authority's new certificate into clientCAFile")
            }
            if certificate.isSelfSigned {
                found.append(
                    .warning(
                        .tlsCertificate,
                        "\(file) is self-signed, so clients refuse it unless they are configured to trust it",
                        "Give clients the file (mlctl status --server https://… --ca-file \(file)), or use a certificate of an authority"
                    ))
            }
            return found + [name(certificate, file, hosts)]
        }
    }

    private static func validity(_ certificate: Certificate, _ file: String, _ now: Date) -> Finding {
        let end = certificate.notAfter.formatted(.iso8601)
        if certificate.notAfter <= now {
            return .problem(
                .tlsCertificate, "\(file) expired at \(end), so clients refuse it",
                "Renew it; the controller reads the new file by itself. Check the clock: date -u")
        }
        if certificate.notBefore > now {
            return .problem(
                .tlsCertificate, "\(file) is valid only from \(certificate.notBefore.formatted(.iso8601))",
                "Check the clock: date -u")
        }
        let days = Int(certificate.notAfter.timeIntervalSince(now) / daySeconds)
        if days < renewDays {
            return .warning(
                .tlsCertificate, "\(file) expires at \(end), in \(days) days",
                "Renew it; the controller reads the new file by itself")
        }
        return .ok(.tlsCertificate, "\(file) is valid until \(end)")
    }

    private static func name(_ certificate: Certificate, _ file: String, _ hosts: [String]) -> Finding {
        let missing = hosts.filter { host in !certificate.names.contains { covers($0, host) } }
        guard let first = missing.first else {
            return .ok(.tlsName, "\(file) is for \(hosts.joined(separator: ", "))")
        }
        let names = certificate.names.isEmpty ? "no name" : certificate.names.prefix(5).joined(separator: ", ")
        return .warning(
            .tlsName, "\(file) is not for '\(first)', the name that clients use; it is for \(names)",
            "Get a certificate with subjectAltName \(first), or set another address with --advertise")
    }

    /// RFC 6125, section 6.4.3: a star stands for the whole first label.
    static func covers(_ pattern: String, _ host: String) -> Bool {
        let pattern = pattern.lowercased()
        let host = host.lowercased()
        guard pattern.hasPrefix("*.") else { return pattern == host }
        guard let dot = host.firstIndex(of: ".") else { return false }
        return host[dot...] == pattern.dropFirst() && dot != host.startIndex
    }
}

/// Whether a certificate's issuer is its own subject, read from its DER form (RFC 5280, section 4.1). Pure.
enum CertificateNames {
    /// - Returns: nil where the bytes are not a certificate.
    static func isSelfIssued(_ der: [UInt8]) -> Bool? {
        var outer = DERReader(der[...])
        guard let certificate = outer.next(0x30) else { return nil }
        var inner = DERReader(certificate)
        guard let body = inner.next(0x30) else { return nil }
        var fields = DERReader(body)
        _ = fields.next(0xA0)  // The version, which is optional.
        guard fields.next(0x02) != nil, fields.next(0x30) != nil, let issuer = fields.next(0x30),
            fields.next(0x30) != nil, let subject = fields.next(0x30)
        else { return nil }
        return issuer.elementsEqual(subject)
    }

    /// Reads DER elements with definite lengths and one-byte tags, which the outer structure of a certificate consists of.
    private struct DERReader {
        private var rest: ArraySlice<UInt8>

        init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

        /// The content of the next element if it has this tag; otherwise nothing is consumed.
        mutating func next(_ tag: UInt8) -> ArraySlice<UInt8>? {
            guard rest.first == tag, rest.count >= 2 else { return nil }
            var place = rest.startIndex + 1
            var length = Int(rest[place])
            place += 1
            if length >= 0x80 {
                let count = length & 0x7F
                guard (1...4).contains(count), rest.endIndex - place >= count else { return nil }
                length = rest[place..<place + count].reduce(0) { $0 << 8 | Int($1) }
                place += count
            }
            guard rest.endIndex - place >= length else { return nil }
            defer { rest = rest[(place + length)...] }
            return rest[place..<place + length]
        }
    }
}
