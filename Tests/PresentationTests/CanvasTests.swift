import Testing

@testable import Presentation

@Suite struct CanvasTests {
    @Test(
        "text is cut at a column width, with an ellipsis",
        arguments: [
            ("gate", 4, "gate"), ("gate no-worse", 7, "gate n…"), ("gate", 1, "…"), ("gate", 0, ""), ("模型版本", 5, "模型…"),
            ("é́é́é́", 2, "é́…"),
        ])
    func cuts(text: String, columns: Int, cut: String) {
        #expect(text.cut(toColumns: columns) == cut)
    }

    @Test("terminal control sequences are removed")
    func printable() {
        #expect(
            "a\u{1B}[31mred\u{07}\tb\nc\u{9B}d\u{202E}e".printable == "a\u{FFFD}[31mred\u{FFFD} b c\u{FFFD}d\u{FFFD}e")
        #expect("plain ü 模".printable == "plain ü 模")
    }

    @Test("text that must stay complete is wrapped between words")
    func wraps() {
        #expect(Canvas(width: 12).wrapped("gate errors failed for good") == ["gate errors", "failed for", "good"])
        #expect(Canvas(width: 6).wrapped("a /very/long/path") == ["a", "/very…"])
        #expect(Canvas().wrapped("gate errors failed") == ["gate errors failed"])
    }

    @Test("colours are written only to terminals that support them")
    func colours() {
        #expect(Canvas(hasColour: true).paint("x", .bad) == "\u{1B}[31mx\u{1B}[0m")
        #expect(Canvas(hasColour: true).paint("x", .plain) == "x")
        #expect(Canvas().paint("x", .bad) == "x")
    }
}
