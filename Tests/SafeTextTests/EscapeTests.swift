import Foundation
import Testing

@testable import SafeText

/// The escaped text for each language, for input that has broken other programs: CR LF, ESC, NUL, C1, direction marks,
/// line separators, combining marks after characters with a meaning, and bytes that are not text.
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

    @Test("text for a line stays on one line and moves no cursor", arguments: nasty)
    func line(text: String) {
        for shown in [Escape.line(text), Escape.logValue(text)] {
            #expect(!hasControl(shown) && !shown.unicodeScalars.contains(where: \.isInvisible))
        }
        for scalar in Escape.lines(text).unicodeScalars {
            #expect(!scalar.isControl || scalar == "\n" || scalar == "\t")
            #expect(scalar.value != 0x202E)
        }
    }

    @Test("invisible characters are shown by their number, and letters of all scripts stay")
    func shown() {
        #expect(Escape.line("a\r\n\tb\u{1B}\u{202E}") == #"a\r\n\tb\u{1B}\u{202E}"#)
        #expect(Escape.lines("a\r\nb\rc\td") == "a\nb\\rc\td")
        #expect(Escape.line("é e\u{301} 日本 עברית 👩‍💻") == "é e\u{301} 日本 עברית 👩‍💻")
        #expect(Escape.logValue("plain") == "plain")
        #expect(Escape.logValue("a=\"b\\\" c") == #""a=\"b\\\" c""#)
        #expect(Escape.logValue("") == "\"\"")
    }

    @Test("a JSON string is read back unchanged", arguments: nasty)
    func json(text: String) throws {
        let escaped = Escape.jsonString(text)
        #expect(!hasControl(escaped))
        #expect(try JSONDecoder().decode([String].self, from: Data("[\"\(escaped)\"]".utf8)) == [text])
    }

    @Test("every tag, quote and control character in XML is written as a reference", arguments: nasty)
    func xml(text: String) {
        let escaped = Escape.xml(text)
        #expect(!hasControl(escaped))
        #expect(!escaped.unicodeScalars.contains { "<>\"'".unicodeScalars.contains($0) })
    }

    @Test("text for Markdown stays in its cell, and is no tag, link, image, code or mention", arguments: nasty)
    func markdown(text: String) {
        let escaped = Escape.markdown(text)
        #expect(!hasControl(escaped) && !escaped.contains { $0.isNewline })
        #expect(!escaped.contains("<") && !escaped.contains(">"))
        let bare = escaped.replacing(#/\\./#, with: "")
        #expect(!bare.contains { "|`[]*_!#~".contains($0) })
        #expect(Escape.markdown("@all http://x.y") == "@\u{2060}all http:\u{2060}//x.y")
        let code = Escape.markdownCode(text)
        #expect(!code.contains("`") && !code.contains("|") && !hasControl(code))
    }

    @Test("a URI component is ASCII without reserved characters", arguments: nasty)
    func uri(text: String) {
        let part = Escape.uriPart(text)
        #expect(part.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } && part.wholeMatch(of: #/[A-Za-z0-9._~%\-]*/#) != nil)
        #expect(part.removingPercentEncoding == text)
        #expect(Escape.uriPath("a b/" + text).hasPrefix("a%20b/"))
    }

    @Test(
        "a host in a URI has brackets where it is an address of IPv6",
        arguments: [("::1", "[::1]:80"), ("127.0.0.1", "127.0.0.1:80"), ("host", "host:80")])
    func authority(host: String, expected: String) { #expect(Escape.authority(host, 80) == expected) }

    @Test("a metric label value is one line and cannot end its own quotes", arguments: nasty)
    func exposition(text: String) {
        let label = Escape.expositionLabel(text)
        #expect(!hasControl(label))
        #expect(isClosed(label, quote: "\""))
        #expect(!hasControl(Escape.expositionHelp(text)))
    }

    @Test(
        "a Kubernetes label value is always valid",
        arguments: nasty + [String(repeating: "a", count: 62) + "-b", "-a.", "é"])
    func label(text: String) {
        #expect(Escape.labelValue(text).wholeMatch(of: #/([A-Za-z0-9]([A-Za-z0-9_.\-]{0,61}[A-Za-z0-9])?)?/#) != nil)
    }

    @Test("a header value is sent unchanged or refused", arguments: nasty)
    func header(text: String) {
        if let value = Escape.headerValue(text) {
            #expect(value == text && value.utf8.allSatisfy { (0x20...0x7E).contains($0) })
        }
        #expect(Escape.headerValue("a\r\nx: y") == nil)
        #expect(Escape.headerValue("plain; q=1") == "plain; q=1")
    }

    @Test("a PromQL string contains exactly the value", arguments: nasty)
    func promQL(text: String) {
        for quote: Unicode.Scalar in ["\"", "'"] {
            let escaped = Escape.promQLString(text, quote: quote)
            #expect(isClosed(escaped, quote: quote) && !hasControl(escaped))
        }
        #expect(!hasControl(Escape.promQLString(Escape.regularExpression(text))))
    }

    /// Whether a quoted string holds all of its content: nothing in it ends the quotes.
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

    @Test("the kind of place in a query follows from the text before it")
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

    @Test("a value that cannot be written at a place in a query is refused")
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

/// Documents and coloured lines that commands print.
struct DocumentEscapeTests {
    @Test("a line keeps only mlctl's own colours", arguments: EscapeTests.nasty)
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
        "a JSON document keeps its meaning and holds no terminal control sequences", arguments: EscapeTests.nasty)
    func json(text: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .withoutEscapingSlashes]
        let document = Escape.jsonDocument(
            String(decoding: try encoder.encode(["k": text + "\u{E0041}"]), as: UTF8.self))
        #expect(!document.unicodeScalars.contains { $0.isInvisible || $0.isControl && $0 != "\n" })
        #expect(try JSONDecoder().decode([String: String].self, from: Data(document.utf8)) == ["k": text + "\u{E0041}"])
    }

    @Test("a table cell is one line; a SARIF message has no links")
    func cells() {
        #expect(Escape.cell("a\r\n\tb\u{1B}[2J\u{202E}") == "a   b\u{FFFD}[2J\u{FFFD}")
        #expect(Escape.sarifMessage("steps[0]: wrong\nx") == "steps[0]: wrong\\nx")
        #expect(Escape.sarifMessage("[here](https://evil)") == "\\[here\\](https://evil)")
    }
}
