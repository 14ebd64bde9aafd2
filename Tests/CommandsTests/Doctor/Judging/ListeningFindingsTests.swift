import ControlAPI
import Foundation
import Testing

@testable import Commands

@Suite("What the doctor says of the API's address") struct ListeningFindingsTests {
    private func exposure(_ host: String, tls: Bool = false, token: Bool = true, pod: Bool = false) -> Finding.Severity
    {
        ListeningFindings.exposure(
            .init(listen: ListenAddress(host: host, port: 8090), hasTLS: tls, hasGivenToken: token, isInPod: pod)
        ).severity
    }

    @Test("beyond the loopback it needs TLS and a token")
    func exposed() {
        #expect(exposure("127.0.0.1", token: false) == .ok)
        #expect(exposure("0.0.0.0", tls: true) == .ok)
        #expect(exposure("0.0.0.0") == .problem)
        #expect(exposure("10.0.0.1", pod: true) == .warning)
        #expect(exposure("10.0.0.1", tls: true, token: false) == .problem)
    }

    @Test("an answer to a stranger is a problem, a refusal is well, and anything else is not known")
    func anonymous() {
        #expect(ListeningFindings.anonymous(.answered(status: 401)).severity == .ok)
        #expect(ListeningFindings.anonymous(.answered(status: 200)).severity == .problem)
        #expect(ListeningFindings.anonymous(.answered(status: 500)).severity == .notLookedAt)
        #expect(ListeningFindings.anonymous(.silent(reason: "refused")).severity == .notLookedAt)
    }
}

@Suite("What the doctor says of a certificate") struct CertificateFindingsTests {
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

    @Test("expired, about to, not yet, and long enough")
    func validity() {
        #expect(severities(.tlsCertificate, found(certificate(to: 0))) == [.problem])
        #expect(severities(.tlsCertificate, found(certificate(to: 13.9))) == [.warning])
        #expect(severities(.tlsCertificate, found(certificate(to: 14))) == [.ok])
        #expect(severities(.tlsCertificate, found(certificate(from: 1))) == [.problem])
    }

    @Test("signed by itself is a warning, and an expired authority of clients a problem")
    func issuers() {
        #expect(severities(.tlsCertificate, found(certificate(selfSigned: true))) == [.ok, .warning])
        #expect(severities(.tlsCertificate, found(certificate(), clients: [certificate(to: -1)])) == [.ok, .problem])
        #expect(severities(.tlsCertificate, found(certificate(), clients: [certificate()])) == [.ok])
    }

    @Test("a name that it is not for is said, and a star stands for one label")
    func names() {
        #expect(severities(.tlsName, found(certificate())) == [.ok])
        #expect(severities(.tlsName, found(certificate(), hosts: ["other.example.com"])) == [.warning])
        #expect(CertificateFindings.covers("*.example.com", "A.example.com"))
        #expect(!CertificateFindings.covers("*.example.com", "a.b.example.com"))
        #expect(!CertificateFindings.covers("*.example.com", "example.com"))
        #expect(!CertificateFindings.covers("*.example.com", ".example.com"))
    }

    @Test("what cannot be used is a problem, and what nobody asked for is not well")
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

    @Test("bytes that are no certificate say nothing of who issued it")
    func noCertificate() {
        #expect(CertificateNames.isSelfIssued([]) == nil)
        #expect(CertificateNames.isSelfIssued([0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 0x30]) == nil)
        #expect(CertificateNames.isSelfIssued([0x30, 0x03, 0x30, 0x80, 0x00]) == nil)
    }
}
