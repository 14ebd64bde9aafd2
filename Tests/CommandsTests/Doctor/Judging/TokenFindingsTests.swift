import ControlAPI
import Testing

@testable import Commands

@Suite("What the doctor says of tokens") struct TokenFindingsTests {
    private static let good = "kR8vQx2LmZ0pTn5YbWc7HsJd4GfA9eUi"

    private func token(
        _ name: String, _ text: String?, role: AccessRole = .operator, given: Bool = true
    ) -> TokenFindings.Token {
        .init(caller: Caller(name: name, role: role), place: "/t/\(name)", isGiven: given, text: text)
    }

    private func found(_ check: CheckID, _ tokens: [TokenFindings.Token], beyond: Bool = false) -> [Finding] {
        TokenFindings.all(tokens, isBeyondLoopback: beyond).filter { $0.check == check }
    }

    @Test("what the controller refuses is a problem; no finding repeats a token")
    func refused() {
        for text in ["short", "", "with a blank in the middle of it", String(repeating: "ab", count: 12)] {
            let found = found(.tokenStrength, [token("ci", text)])
            #expect(found.map(\.severity) == [.problem], "\(text)")
            #expect(found[0].advice?.contains("openssl rand") == true)
            if !text.isEmpty { #expect(!found[0].message.contains(text) && found[0].advice?.contains(text) == false) }
        }
    }

    @Test(
        "what is long enough and still thought of by a person is a warning",
        arguments: [
            "passwordpasswordpassword", "kR8vQkR8vQkR8vQkR8vQkR8v", "x7-123456-mQvTzLpRwYk", "MyCompanyChangeMe#2026x",
            "zyxwvutsrq-KqPmTrLsVbNd",
        ])
    func guessable(text: String) {
        let found = found(.tokenStrength, [token("ci", text)])
        #expect(found.map(\.severity) == [.warning])
        #expect(!found[0].message.contains(text))
    }

    @Test("one that openssl makes is fine, and counted")
    func fine() {
        for text in [Self.good, "0f3a9c51d2e84b7f6a1c0d9e8b7a4f32", "q1dO3zqJ2mN8vB5x7Yw="] {
            #expect(found(.tokenStrength, [token("ci", text)]).map(\.severity) == [.ok], "\(text)")
        }
    }

    @Test("one that cannot be read was not looked at, and none at all is not well either")
    func unread() {
        #expect(found(.tokenStrength, [token("ci", nil)]).map(\.severity) == [.notLookedAt])
        #expect(found(.tokenStrength, []).map(\.severity) == [.notApplicable])
        #expect(
            found(.tokenStrength, [token("a", Self.good), token("b", nil)]).map(\.severity) == [.notLookedAt, .ok])
    }

    @Test("two of one text are a problem that names both")
    func twice() {
        let twice = found(.tokenTwice, [token("b", Self.good), token("a", Self.good), token("c", Self.good + "x")])
        #expect(twice.map(\.severity) == [.problem])
        #expect(twice[0].message.hasPrefix("'a' and 'b' are") && !twice[0].message.contains(Self.good))
        #expect(found(.tokenTwice, [token("a", Self.good), token("c", nil), token("d", nil)]).map(\.severity) == [.ok])
    }

    @Test("tokens that may all do everything are a warning, and a network without one for metrics too")
    func rights() {
        let admin = token("a", Self.good, role: .admin)
        #expect(found(.tokenRights, [token("state", Self.good, role: .admin, given: false)]).map(\.severity) == [.ok])
        #expect(found(.tokenRights, [admin]).map(\.severity) == [.warning])
        #expect(found(.tokenRights, [admin, token("b", "x")]).map(\.severity) == [.ok])
        #expect(found(.tokenRights, [admin, token("b", "x")], beyond: true).map(\.severity) == [.warning])
        #expect(found(.tokenRights, [admin, token("b", "x", role: .metrics)], beyond: true).map(\.severity) == [.ok])
        #expect(found(.tokenRights, [admin], beyond: true).count == 2)
    }
}

@Suite("Secrets in settings and manifests") struct WrittenSecretsTests {
    private static let token = "kR8vQx2LmZ0pTn5YbWc7HsJd4GfA9eUi"

    private func found(_ text: String) -> [Finding] {
        WrittenSecrets.findings(in: [.init(place: "a.yaml", text: text)], known: [Self.token])
    }

    @Test("a token of the controller's own is found, also in base64, and never repeated")
    func own() {
        for text in ["x: \(Self.token)\n", "x: a1I4dlF4MkxtWjBwVG41WWJXYzdIc0pkNEdmQTllVWk=\n"] {
            let found = found(text)
            #expect(found.map(\.severity) == [.problem])
            #expect(!"\(found)".contains(Self.token) && !"\(found)".contains("a1I4dlF4"))
        }
    }

    @Test(
        "what looks like a credential is found with its line",
        arguments: [
            "token: ghp_" + String(repeating: "a1B2", count: 9), "key: AKIA" + String(repeating: "Z9", count: 8),
            "pat: glpat-" + String(repeating: "xY3", count: 8), "-----BEGIN EC PRIVATE KEY-----",
            "uri: https://me:hunter2@models.example.com/m",
        ])
    func shapes(line: String) {
        let found = found("a: 1\n\(line)\n")
        #expect(found.map(\.severity) == [.problem])
        #expect(found[0].message.contains("a.yaml, line 2") && !found[0].message.contains("hunter2"))
    }

    @Test(
        "what is no credential is left alone",
        arguments: [
            "uri: https://models.example.com/m@v1", "uri: https://$USER:$PASSWORD@models.example.com/", "x: AKIA",
            "uri: s3://bucket/a:b", "mail: git@example.com:ml/models.git", "user: https://me@models.example.com/",
            "-----BEGIN CERTIFICATE-----",
        ])
    func plain(line: String) { #expect(found(line).map(\.severity) == [.ok]) }

    @Test("nothing read is nothing known, and what is over the bound is said")
    func unread() {
        #expect(WrittenSecrets.findings(in: nil, known: []).map(\.severity) == [.notLookedAt])
        #expect(WrittenSecrets.findings(in: [], known: []).map(\.severity) == [.notLookedAt])
        let huge = WrittenSecrets.Text(
            place: "b.yaml", text: String(repeating: "x", count: WrittenSecrets.mostBytes + 1))
        #expect(WrittenSecrets.findings(in: [huge], known: []).map(\.severity) == [.notLookedAt])
    }
}
