import Foundation
import Testing

@testable import SafeText

struct SecretRedactorTests {
    static let secret = "hush-secret/+&%x"

    @Test("a secret is found in plain text, percent-encoded, JSON-escaped, in hex and in base64 at any offset")
    func forms() throws {
        let redactor = SecretRedactor([Self.secret, "pa\"ss\\wörd\n"])
        #expect(redactor.redacted("a \(Self.secret) b") == "a *** b")
        for text in ["hush-secret%2F%2B%26%25x", "hush-secret%2f%2b%26%25x", "hush-secret/%2B%26%25x"] {
            #expect(redactor.redacted("x=\(text)&y") == "x=***&y")
        }
        #expect(redactor.redacted(Self.secret.utf8.map { String($0, radix: 16) }.joined()) == "***")
        for prefix in ["", "a", "ab", "user:", "Bearer "] {
            for urlSafe in [false, true] {
                var encoded = Data("\(prefix)\(Self.secret)tail".utf8).base64EncodedString()
                if urlSafe { encoded = encoded.replacing("+", with: "-").replacing("/", with: "_") }
                let shown = redactor.redacted("Basic \(encoded)")
                #expect(
                    shown.contains("***") && !shown.contains("1c2gtc2VjcmV0") && shown.utf8.count < encoded.utf8.count)
            }
        }
        for options in [JSONEncoder.OutputFormatting(), .withoutEscapingSlashes] {
            let encoder = JSONEncoder()
            encoder.outputFormatting = options
            let json = String(decoding: try encoder.encode(["pa\"ss\\wörd\n", Self.secret]), as: UTF8.self)
            #expect(redactor.redacted(json) == "[\"***\",\"***\"]")
        }
        #expect(redactor.redacted(#"{"p":"pa\"ss\\w\u00f6rd\n"}"#) == #"{"p":"***"}"#)
    }

    @Test("any of its characters may be escaped, by any way of escaping, in any case")
    func escapes() {
        let redactor = SecretRedactor([Self.secret, "two words", "naïve 𝄞 key"])
        let bytes = Array(Self.secret.utf8)
        func hex(_ byte: UInt8, isUpper: Bool) -> String {
            let digits = (byte < 16 ? "0" : "") + String(byte, radix: 16)
            return isUpper ? digits.uppercased() : digits
        }
        for prefix in ["%", "\\u00", "\\x"] {
            for isUpper in [true, false] {
                let all = bytes.map { prefix + hex($0, isUpper: isUpper) }.joined()
                #expect(redactor.redacted("a \(all) b") == "a *** b")
            }
            let mixed = bytes.enumerated().map { index, byte in
                index % 2 == 0 || byte == UInt8(ascii: "%")
                    ? prefix + hex(byte, isUpper: index % 4 == 0) : String(Unicode.Scalar(byte))
            }.joined()
            #expect(redactor.redacted("a \(mixed) b") == "a *** b")
        }
        #expect(redactor.redacted("q=two+words&r=two%20words&s=two+%77ords") == "q=***&r=***&s=***")
        #expect(redactor.redacted(#"na\u00efve \uD834\uDD1E key"#) == "***")
        #expect(redactor.redacted("na%C3%AFve%20%f0%9d%84%9e%20key") == "***")
        // Base64 whose own characters are escaped.
        let padded = Data("ab\(Self.secret)".utf8).base64EncodedString()
        #expect(redactor.redacted(padded.replacing("/", with: "\\/").replacing("+", with: "%2B")).contains("***"))
    }

    @Test("what looks like an escape and is none changes nothing")
    func noEscapes() {
        let redactor = SecretRedactor(["a%41b", "%%%%%", #"c\u00zz"#, "plain-text"])
        #expect(redactor.redacted("x a%41b y") == "x *** y")
        #expect(redactor.redacted("x a%2541b y") == "x *** y")
        #expect(redactor.redacted("%%%%%%") == "***%" || redactor.redacted("%%%%%%") == "***")
        #expect(redactor.redacted(#"c\u00zz"#) == "***")
        for text in ["100 % sure", #"C:\users\x"#, #"\uD800 \uD800\n"#, "%", "%4", #"\u00"#, #"\uD834\uDD"#] {
            #expect(redactor.redacted(text) == text)
        }
        #expect(redactor.redacted(#"\uD834\u0070lain-text"#) == #"\uD834***"#)
        #expect(redactor.redacted(#"%plain-text \plain-text"#) == #"%*** \***"#)
    }

    @Test("blanks and line ends around a secret are no part of it")
    func surroundings() {
        let redactor = SecretRedactor(["  token-with-blanks \n\n", "\tkey-of-a-file\r\n", " abc "])
        #expect(redactor.redacted("a=token-with-blanks, b=key-of-a-file; abc") == "a=***, b=***; abc")
        #expect(redactor.redacted("dG9rZW4td2l0aC1ibGFua3M=").hasPrefix("***"))
    }

    @Test("each long line of a secret is redacted on its own")
    func lines() {
        let redactor = SecretRedactor(["-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nabc\n-----END KEY-----"])
        #expect(redactor.redacted("got MIIEvQIBADANBgkq, abc") == "got ***, abc")
    }

    @Test("short secrets are not redacted, and without secrets the text passes through")
    func short() {
        #expect(SecretRedactor(["", "abc"]).isEmpty)
        #expect(SecretRedactor(["abc"]).redacted("abcabc") == "abcabc")
        #expect(SecretRedactor(["abcd"]).redacted("abcabcd") == "abc***")
    }

    @Test("a text in pieces is redacted like the whole text, wherever it is split", arguments: UInt64(1)...20)
    func pieces(seed: UInt64) {
        let secrets = [Self.secret, "abcdefX", "cdef", "line-two-long", "pw\"\\q\n"]
        let words =
            secrets + [
                "abc", "hush-", "de", "X", "abcdef", "zz", "hush-secret%2F", "\n", "%", "%6", "%68ush-", "\\", "\\u00",
                "\\u0061bcd", "ef", "%2F%2B%26%25x", "\\uD834", "secret",
            ]
        let redactor = SecretRedactor(secrets)
        var state = seed
        func next(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % limit
        }
        for _ in 0..<300 {
            let text = Array((0..<next(12)).map { _ in words[next(words.count)] }.joined().utf8)
            var stream = RedactedStream(redactor)
            var shown: [UInt8] = []
            var place = 0
            while place < text.count {
                let count = min(1 + next(5), text.count - place)
                shown += stream.take(text[place..<place + count])
                place += count
            }
            shown += stream.finish()
            #expect(shown == redactor.redacted(text[...]), "seed \(seed)")
            let said = String(decoding: shown, as: UTF8.self)
            for secret in secrets { #expect(!said.contains(secret), "seed \(seed): \(said)") }
        }
    }

    @Test("a secret that the end of the text cuts off is redacted as well")
    func cut() {
        let redactor = SecretRedactor([Self.secret])
        #expect(redactor.redacted("x hush-secr") == "x ***")
        #expect(redactor.redacted("x hush") == "x hush")
    }

    @Test("only text that may begin a secret is held back")
    func promptness() {
        var stream = RedactedStream(SecretRedactor([Self.secret]))
        #expect(stream.take(Array("a line\n".utf8)[...]) == Array("a line\n".utf8))
        #expect(stream.take(Array("x hus".utf8)[...]) == Array("x ".utf8))
        #expect(stream.take(Array("ky\n".utf8)[...]) == Array("husky\n".utf8))
    }

    @Test("bytes that are not UTF-8 stay unchanged")
    func anyBytes() {
        let bytes: [UInt8] = [0xFF, 0xFE] + Array(Self.secret.utf8) + [0x80]
        #expect(SecretRedactor([Self.secret]).redacted(bytes[...]) == [0xFF, 0xFE] + Array("***".utf8) + [0x80])
    }

    @Test("the work for each byte is bounded for every text: one step down a pattern, or back up earlier steps")
    func cost() {
        // A text that matches a pattern up to its last byte, again and again, is the worst case for a naive search.
        let secret = String(repeating: "a", count: 2000) + "b"
        let search = PatternSearch(SecretForms(of: [secret], limit: 1 << 20).patterns)
        var state: Int32 = 0
        for byte in String(repeating: String(repeating: "a", count: 1999) + "c", count: 20).utf8 {
            let before = search.depth(state)
            state = search.step(state, byte)
            #expect(search.depth(state) <= before + 1)
        }
    }
}
