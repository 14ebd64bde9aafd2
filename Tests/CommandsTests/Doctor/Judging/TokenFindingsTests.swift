import ControlAPI
import Testing

@testable import Commands

@Suite("The doctor's findings on tokens") struct TokenFindingsTests {
    private static let good = "kR8vQx2LmZ0pTn5YbWc7HsJd4GfA9eUi"

    private func token(
        _ name: String, _ text: String?, role: AccessRole = .operator, given: Bool = true
    ) -> TokenFindings.Token {
        .init(caller: Caller(name: name, role: role), place: "/t/\(name)", isGiven: given, text: text)
    }

    private func found(_ check: CheckID, _ tokens: [TokenFindings.Token], beyond: Bool = false) -> [Finding] {
        TokenFindings.all(tokens, isReachableFromNetwork: beyond).filter { $0.check == check }
    }

    @Test("while the settings cannot be read, other tokens are not known")
    func unreadableSettings() {
        let found = TokenFindings.ofSome([token("ci", "kR8vQm2LxT5pZw9cYb3nHd7f")])
        #expect(found.map(\.severity) == [.ok, .notLookedAt, .notLookedAt])
        #expect(found.map(\.check) == [.tokenStrength, .tokenTwice, .tokenRights])
    }

    @Test("a token that the controller refuses is a problem; no finding repeats a token")
    func refused() {
        for text in [
            "short", "", "with a blank in the middle of it", String(repeating: "ab", count: 12),
            "passwordpasswordpassword", "kR8vQkR8vQkR8vQkR8vQkR8v", "password1234password1234",
        ] {
            let found = found(.tokenStrength, [token("ci", text)])
            #expect(found.map(\.severity) == [.problem], "\(text)")
            #expect(found[0].advice?.contains("openssl rand") == true)
            if !text.isEmpty { #expect(!found[0].message.contains(text) && found[0].advice?.contains(text) == false) }
        }
    }

    @Test(
        "a long token that looks invented by a person is a warning",
        arguments: [
            "x7-123456-mQvTzLpRwYk", "Kq7-ChangeMe#tR2bVxLm9w", "zyxwvutsrq-KqPmTrLsVbNd",
        ])
    func guessable(text: String) {
        let found = found(.tokenStrength, [token("ci", text)])
        #expect(found.map(\.severity) == [.warning])
        #expect(!found[0].message.contains(text))
    }

    @Test("a random token from openssl is well, and counted")
    func fine() {
        for text in [Self.good, "0f3a9c51d2e84b7f6a1c0d9e8b7a4f32", "q1dO3zqJ2mN8vB5x7Yw="] {
            #expect(found(.tokenStrength, [token("ci", text)]).map(\.severity) == [.ok], "\(text)")
        }
    }

    @Test("an unreadable token counts as not examined, and having none is not \"well\"")
    func unread() {
        #expect(found(.tokenStrength, [token("ci", nil)]).map(\.severity) == [.notLookedAt])
        #expect(found(.tokenStrength, []).map(\.severity) == [.notApplicable])
        #expect(
            found(.tokenStrength, [token("a", Self.good), token("b", nil)]).map(\.severity) == [.notLookedAt, .ok])
    }

    @Test("two equal tokens are a problem that names both")
    func twice() {
        let twice = found(.tokenTwice, [token("b", Self.good), token("a", Self.good), token("c", Self.good + "x")])
        #expect(twice.map(\.severity) == [.problem])
        #expect(twice[0].message.hasPrefix("'a' and 'b' are") && !twice[0].message.contains(Self.good))
        #expect(found(.tokenTwice, [token("a", Self.good), token("c", nil), token("d", nil)]).map(\.severity) == [.ok])
    }

    @Test("having only administrator tokens is a warning, and so is a network address without a metrics token")
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
