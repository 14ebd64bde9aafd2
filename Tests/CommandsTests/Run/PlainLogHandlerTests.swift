import Logging
import Testing

@testable import Commands

struct PlainLogHandlerTests {
    @Test("a message is one line, whatever it holds")
    func oneLine() {
        let line = PlainLogHandler.line(
            time: "T", level: .info, message: "read\r\nT error forged\u{1B}[2J",
            metadata: ["repo": "a\r\nT error forged=1", "b\nc": "\u{202E}x", "plain": "1", "quoted": "a \"b\""])
        #expect(
            line
                == #"T info read\r\nT error forged\u{1B}[2J b\nc="\u{202E}x" plain=1 quoted="a \"b\"" repo="a\r\nT error forged=1""#
        )
    }

    @Test("a long value is cut")
    func bound() {
        let line = PlainLogHandler.line(
            time: "T", level: .info, message: "m", metadata: ["v": "\(String(repeating: "x", count: 100_000))"])
        #expect(line.utf8.count < 20_000 && line.hasSuffix("…"))
    }
}
