import ControlAPI
import Testing

@testable import Commands

@Suite("The doctor's findings on the API's address") struct ListeningFindingsTests {
    private func exposure(_ host: String, tls: Bool = false, token: Bool = true, pod: Bool = false) -> Finding.Severity
    {
        ListeningFindings.exposure(
            .init(listen: ListenAddress(host: host, port: 8090), hasTLS: tls, hasGivenToken: token, isInPod: pod)
        ).severity
    }

    @Test("an address beyond loopback needs TLS and a token")
    func exposed() {
        #expect(exposure("127.0.0.1", token: false) == .ok)
        #expect(exposure("0.0.0.0", tls: true) == .ok)
        #expect(exposure("0.0.0.0") == .problem)
        #expect(exposure("10.0.0.1", pod: true) == .warning)
        #expect(exposure("10.0.0.1", tls: true, token: false) == .problem)
    }

    @Test("an answer without a token is a problem, a refusal is well, and anything else is not known")
    func anonymous() {
        #expect(ListeningFindings.anonymous(.answered(status: 401)).severity == .ok)
        #expect(ListeningFindings.anonymous(.answered(status: 200)).severity == .problem)
        #expect(ListeningFindings.anonymous(.answered(status: 500)).severity == .notLookedAt)
        #expect(ListeningFindings.anonymous(.silent(reason: "refused")).severity == .warning)
    }
}
