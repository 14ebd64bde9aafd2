import Foundation
import Testing

@testable import Commands

@Suite("The doctor's findings on certificates") struct CertificateFindingsTests {
    private static let now = Date(timeIntervalSince1970: 1_800_000_000)
    private static let day: TimeInterval = 86_400

    private func certificate(
        from: TimeInterval = -10, to: TimeInterval = 100, names: [String] = ["mlctl.example.com"],
        selfSigned: Bool = false
    ) -> CertificateFindings.Certificate {
        .init(
            notBefore: Self.now + from * Self.day, notAfter: Self.now + to * Self.day, names: names,
            isSelfSigned: selfSigned)
    }

    private func found(
        _ certificate: CertificateFindings.Certificate, hosts: [String] = ["mlctl.example.com"],
        clients: [CertificateFindings.Certificate] = []
    ) -> [Finding] {
        CertificateFindings.all(
            .certificate(certificate, clientAuthorities: clients), file: "/c.pem", hosts: hosts, now: Self.now)
    }

    private func severities(_ check: CheckID, _ found: [Finding]) -> [Finding.Severity] {
        found.filter { $0.check == check }.map(\.severity)
    }

    @Test("expired, expiring soon, not yet valid, and valid long enough")
    func validity() {
        #expect(severities(.tlsCertificate, found(certificate(to: 0))) == [.problem])
        #expect(severities(.tlsCertificate, found(certificate(to: 13.9))) == [.warning])
        #expect(severities(.tlsCertificate, found(certificate(to: 14))) == [.ok])
        #expect(severities(.tlsCertificate, found(certificate(from: 1))) == [.problem])
    }

    @Test("a self-signed certificate is a warning, and an expired client authority a problem")
    func issuers() {
        #expect(severities(.tlsCertificate, found(certificate(selfSigned: true))) == [.ok, .warning])
        #expect(severities(.tlsCertificate, found(certificate(), clients: [certificate(to: -1)])) == [.ok, .problem])
        #expect(severities(.tlsCertificate, found(certificate(), clients: [certificate()])) == [.ok])
    }

    @Test("a host name that the certificate lacks is reported, and a wildcard matches one label")
    func names() {
        #expect(severities(.tlsName, found(certificate())) == [.ok])
        #expect(severities(.tlsName, found(certificate(), hosts: ["other.example.com"])) == [.warning])
        #expect(CertificateFindings.covers("*.example.com", "A.example.com"))
        #expect(!CertificateFindings.covers("*.example.com", "a.b.example.com"))
        #expect(!CertificateFindings.covers("*.example.com", "example.com"))
        #expect(!CertificateFindings.covers("*.example.com", ".example.com"))
    }

    @Test("an unusable certificate is a problem, and one that is not configured is not \"well\"")
    func missing() {
        let unusable = CertificateFindings.all(.unusable(reason: "no PEM"), file: "", hosts: [], now: Self.now)
        #expect(unusable.map(\.severity) == [.problem, .notLookedAt])
        let none = CertificateFindings.all(CertificateFindings.Material.none, file: "", hosts: [], now: Self.now)
        #expect(none.map(\.severity) == [.notApplicable, .notApplicable])
        #expect(
            CertificateFindings.all(nil, file: "", hosts: [], now: Self.now).map(\.check) == [
                .tlsCertificate, .tlsName,
            ])
    }

    @Test("bytes that are not a certificate give no issuer")
    func noCertificate() {
        #expect(CertificateNames.isSelfIssued([]) == nil)
        #expect(CertificateNames.isSelfIssued([0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 0x30]) == nil)
        #expect(CertificateNames.isSelfIssued([0x30, 0x03, 0x30, 0x80, 0x00]) == nil)
    }
}
