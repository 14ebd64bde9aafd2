import Foundation
import Testing

@testable import ControlAPI

@Suite("Tokens") struct AccessKeysTests {
    @Test("a token belongs to its caller, and a similar one to nobody")
    func matching() {
        let keys = Tokens.keys()
        for (caller, secret) in Tokens.callers { #expect(keys.key(matching: secret)?.caller == caller) }
        for text in [
            "", " ", Tokens.admin + "x", String(Tokens.admin.dropLast()), Tokens.admin.uppercased(), Tokens.admin + " ",
        ] { #expect(keys.key(matching: text) == nil) }
        #expect(AccessKeys.none.key(matching: "") == nil)
    }

    @Test(
        "a token that can be guessed is refused, and the error says how to create one",
        arguments: [
            "", "a", "hunter2", "0123456789012345678", String(repeating: "a", count: 64),
            "ababababababababababab", "with a blank in between it", "line-one-of-the-token\nline-two-of-the-token",
            "tökën-with-letters-of-others", String(repeating: "abcdefgh", count: 200),
            "token\u{0}with-nul-in-the-middle", "password1234password1234", "P@$$word-P@$$word-2026",
            "qwertyuiopasdfghjklzxcvbnm",
            "admin-token-0123456789", "correcthorsecorrecthorse", "98765432109876543210", "abcabcabcabcabcabcabcabc",
        ])
    func weak(text: String) {
        let refused = #expect(throws: AccessKeyError.self) {
            try AccessKey(Caller(name: "x", role: .viewer), secret: text)
        }
        #expect(refused?.message.contains("openssl rand -hex 32") == true)
        if text.count > 3 { #expect(refused?.message.contains(text) == false) }
    }

    @Test(
        "a generated token is accepted",
        arguments: [
            "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE=", "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
            "3d1e7a70-2f0e-4d2c-9a43-54a8f6d0a001", "83015629947160385274", "kR8vQx2LmZ0pTn5YbWc7",
        ])
    func strong(text: String) throws {
        #expect(try AccessKey(Caller(name: "x", role: .viewer), secret: text).caller.name == "x")
    }

    @Test("a replaced token is no longer valid, and a token with another role is another caller")
    func replacing() {
        let register = TokenRegistry(Tokens.keys())
        let board = Tokens.callers[2].0
        #expect(register.current.includes(board))
        register.replace(Tokens.keys(but: ["board"]))
        #expect(!register.current.includes(board))
        #expect(!register.current.includes(Caller(name: "ops", role: .admin)))
    }
}
