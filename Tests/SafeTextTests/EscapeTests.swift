import Foundation
import Testing

@testable import SafeText

/// What each language is given, for the texts that have broken others: CR LF, ESC, NUL, C1, direction marks, line
/// separators, combining marks after what has a meaning, and bytes that were no text.
struct EscapeTests {
    static let nasty = [
        "a\r\nb", "a\nb", "a\rb", "\u{1B}[31m", "a\u{0}b", "a\u{9B}31m", "\u{202E}abc", "a\u{2028}b", "a\u{2029}b",
        "\"\u{301}", "\\\u{301}", "<\u{301}script>", "'\u{301}", "\n\u{301}", "`\u{301}", "\u{85}", "\u{7F}",
        "}}\u{FEFF}",
        String(decoding: [0x61, 0xFF, 0xC3, 0x28], as: UTF8.self), "\"} * 0 or vector(0) #", "e\u{301}é😀", "",
    ]

    private func hasControl(_ text: String) -> Bool {
        text.unicodeScalars.contains { $0.isControl || $0.endsLine }
    }

    @Test("a line is a line, and moves no cursor", arguments: nasty)
    func line(text: String) {
        for shown in [Escape.line(text), Escape.logValue(text)] {
            #expect(!hasControl(shown) && !shown.unicodeScalars.contains(where: \.isInvisible))
        }
        for scalar in Escape.lines(text).unicodeScalars {
            #expect(!scalar.isControl || scalar == "\n" || scalar == "\t")
            #expect(scalar.value != 0x202E)
        }
    }

    @Test("what is hidden is shown by its number, and letters of all scripts stay")
    func shown() {
        #expect(Escape.line("a\r\n\tb\u{1B}\u{202E}") == #"a\r\n\tb\u{1B}\u{202E}"#)
        #expect(Escape.lines("a\r\nb\rc\td") == "a\nb\\rc\td")
        #expect(Escape.line("é e\u{301} 日本 עברית 👩‍💻") == "é e\u{301} 日本 עברית 👩‍💻")
        #expect(Escape.logValue("plain") == "plain")
        #expect(Escape.logValue("a=\"b\\\" c") == #""a=\"b\\\" c""#)
        #expect(Escape.logValue("") == "\"\"")
    }

    @Test("a string of JSON is read back as it was", arguments: nasty)
    func json(text: String) throws {
        let escaped = Escape.jsonString(text)
        #expect(!hasControl(escaped))
        #expect(try JSONDecoder().decode([String].self, from: Data("[\"\(escaped)\"]".utf8)) == [text])
    }

    @Test("XML has no tag, quote or control in it that was not written as a reference", arguments: nasty)
    func xml(text: String) {
        let escaped = Escape.xml(text)
        #expect(!hasControl(escaped))
        #expect(!escaped.unicodeScalars.contains { "<>\"'".unicodeScalars.contains($0) })
    }

    @Test("a part of a URI is ASCII without anything that has a meaning there", arguments: nasty)
    func uri(text: String) {
        let part = Escape.uriPart(text)
        #expect(part.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } && part.wholeMatch(of: #/[A-Za-z0-9._~%\-]*/#) != nil)
        #expect(part.removingPercentEncoding == text)
        #expect(Escape.uriPath("a b/" + text).hasPrefix("a%20b/"))
    }

    @Test("a label of the exposition is one line that its own string ends", arguments: nasty)
    func exposition(text: String) {
        let label = Escape.expositionLabel(text)
        #expect(!hasControl(label))
        #expect(isClosed(label, quote: "\""))
        #expect(!hasControl(Escape.expositionHelp(text)))
    }

    @Test("a label of Kubernetes is one", arguments: nasty + [String(repeating: "a", count: 62) + "-b", "-a.", "é"])
    func label(text: String) {
        #expect(Escape.labelValue(text).wholeMatch(of: #/([A-Za-z0-9]([A-Za-z0-9_.\-]{0,61}[A-Za-z0-9])?)?/#) != nil)
    }

    @Test("a header's value is what can be sent as it is, or none", arguments: nasty)
    func header(text: String) {
        if let value = Escape.headerValue(text) {
            #expect(value == text && value.utf8.allSatisfy { (0x20...0x7E).contains($0) })
        }
        #expect(Escape.headerValue("a\r\nx: y") == nil)
        #expect(Escape.headerValue("plain; q=1") == "plain; q=1")
    }

    @Test("a string of PromQL holds the value and nothing else", arguments: nasty)
    func promQL(text: String) {
        for quote: Unicode.Scalar in ["\"", "'"] {
            let escaped = Escape.promQLString(text, quote: quote)
            #expect(isClosed(escaped, quote: quote) && !hasControl(escaped))
        }
        #expect(!hasControl(Escape.promQLString(Escape.regularExpression(text))))
    }

    /// Whether a string's content ends nowhere before its end.
    private func isClosed(_ content: String, quote: Unicode.Scalar) -> Bool {
        var isEscaped = false
        for scalar in content.unicodeScalars {
            if isEscaped {
                isEscaped = false
            } else if scalar == "\\" {
                isEscaped = true
            } else if scalar == quote || scalar == "\n" {
                return false
            }
        }
        return !isEscaped
    }

    @Test("the place in a query is known by what stands before it")
    func places() {
        let places: [(String, PromQLPlace)] = [
            ("lag{revision=\"", .string(quote: "\"")), ("lag{revision='", .string(quote: "'")),
            ("lag{revision=~\"", .pattern(quote: "\"")), ("lag{revision !~ '", .pattern(quote: "'")),
            ("lag{revision=`", .rawString), ("lag{revision=~`", .rawPattern), ("sum(lag_", .code), ("lag # ", .comment),
            ("lag # x\n", .code), ("lag{a=\"\\\"", .string(quote: "\"")), ("lag{a=\"\\\\\"", .code),
            ("lag{a=\"'\",b='", .string(quote: "'")), ("lag{a=\"#\"", .code),
            ("lag{a=~\"x\",b=\"", .string(quote: "\"")),
            ("lag{a=\"x\u{301}\"\u{301}", .code),
        ]
        for (text, place) in places {
            var scanner = PromQLScanner()
            scanner.read(text)
            #expect(scanner.place == place, "\(text)")
        }
    }

    @Test("a value that no form of the place can hold is refused there")
    func fills() {
        #expect(PromQLPlace.code.fill("a1_b") == "a1_b")
        for value in ["2\"} * 0", "a-b", "", "1.2", "a b", "é", "a\u{301}"] {
            #expect(PromQLPlace.code.fill(value) == nil)
        }
        #expect(PromQLPlace.rawString.fill("a`b") == nil)
        #expect(PromQLPlace.rawString.fill("a\"b\\") == "a\"b\\")
        #expect(PromQLPlace.pattern(quote: "\"").fill(".*") == #"\\.\\*"#)
        #expect(PromQLPlace.rawPattern.fill(".*") == #"\.\*"#)
        #expect(PromQLPlace.comment.fill("a\nb") == nil)
        #expect(PromQLPlace.comment.fill("a\u{2028}b") == nil)
    }
}

/// Documents and coloured lines, as commands write them.
struct DocumentEscapeTests {
    @Test("only mlctl's own colours stay in a line", arguments: EscapeTests.nasty)
    func colours(text: String) {
        let styles: Set<String> = ["31", "0"]
        #expect(Escape.styledLine("\u{1B}[31mred\u{1B}[0m", styles: styles) == "\u{1B}[31mred\u{1B}[0m")
        let shown = Escape.styledLine("\u{1B}[31m\(text)\u{1B}[0m", styles: styles)
        #expect(shown.hasPrefix("\u{1B}[31m") && shown.hasSuffix("\u{1B}[0m"))
        let inner = shown.dropFirst(5).dropLast(4)
        #expect(!inner.unicodeScalars.contains { $0.isControl && $0 != "\u{1B}" })
        for evil in ["\u{1B}[8m", "\u{1B}[2J", "\u{1B}]0;x\u{7}", "\u{1B}", "\u{1B}[", "\u{1B}[31;8m", "\u{9B}31m"] {
            #expect(!Escape.styledLine(evil + text, styles: styles).hasPrefix("\u{1B}"))
        }
    }

    @Test(
        "a document of JSON stays what it was, without anything that a terminal acts on", arguments: EscapeTests.nasty)
    func json(text: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .withoutEscapingSlashes]
        let document = Escape.jsonDocument(
            String(decoding: try encoder.encode(["k": text + "\u{E0041}"]), as: UTF8.self))
        #expect(!document.unicodeScalars.contains { $0.isInvisible || $0.isControl && $0 != "\n" })
        #expect(try JSONDecoder().decode([String: String].self, from: Data(document.utf8)) == ["k": text + "\u{E0041}"])
    }

    @Test("a cell is one line; a message of SARIF has no links")
    func cells() {
        #expect(Escape.cell("a\r\n\tb\u{1B}[2J\u{202E}") == "a   b\u{FFFD}[2J\u{FFFD}")
        #expect(Escape.sarifMessage("steps[0]: wrong\nx") == "steps[0]: wrong\\nx")
        #expect(Escape.sarifMessage("[here](https://evil)") == "\\[here\\](https://evil)")
    }
}
