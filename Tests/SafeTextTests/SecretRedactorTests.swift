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
        let words = secrets + ["abc", "hush-", "de", "X", "abcdef", "zz", "hush-secret%2F", "\n"]
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
