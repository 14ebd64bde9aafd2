import SafeText
import Testing

@Suite("How hard a secret is to guess")
struct SecretStrengthTests {
    @Test("repeats, sequences and well-known words count for next to nothing, however long they are")
    func weak() {
        for text in [
            "", "a", "password1234password1234", "passwordpasswordpassword", String(repeating: "a", count: 1000),
            String(repeating: "ab12", count: 200), "abcdefghijklmnopqrstuvwxyz0123456789", "zyxwvutsrqponmlkjihgfedcba",
            "qwertyuiop-asdfghjkl-zxcvbnm", "Secret-Token-Admin-2026-2027", "P@$$word!P@$$word!P@$$word!",
            "00000000001111111111",
            "changeme-changeme-changeme-1", "thesecuremodelservertoken", "correcthorsecorrecthorse",
            "11223344556677889900",
        ] {
            #expect(SecretStrength.weakness(of: text) != nil, "\(text): \(SecretStrength.bits(of: text))")
        }
    }

    @Test("what generators make is strong, in any alphabet", arguments: UInt64(1)...40)
    func strong(seed: UInt64) {
        var state = seed
        func next(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % limit
        }
        for (alphabet, count) in [
            ("0123456789abcdef", 64), ("0123456789abcdef", 32), ("0123456789abcdef", 20),
            ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 20), ("0123456789", 32),
            ("abcdefghijklmnopqrstuvwxyz", 20),
        ] {
            let letters = Array(alphabet)
            let text = String((0..<count).map { _ in letters[next(letters.count)] })
            #expect(SecretStrength.weakness(of: text) == nil, "seed \(seed), \(text): \(SecretStrength.bits(of: text))")
        }
    }

    @Test("a secret of any length is weighed in bounded work, and twice the text is hardly stronger")
    func doubled() {
        let text = "kR8vQx2LmZ0"
        #expect(SecretStrength.bits(of: text + text) < SecretStrength.bits(of: text) + 10)
        #expect(SecretStrength.bits(of: String(repeating: "x7", count: 1 << 20)) < SecretStrength.fewestBits)
    }
}
