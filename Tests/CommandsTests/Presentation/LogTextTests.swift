import Controller
import Serving
import Testing

@testable import Commands

@Suite struct LogTextTests {
    private func line(_ instance: String, _ text: String) -> LogLine {
        LogLine(revision: Samples.old, instance: instance, text: text)
    }

    @Test("one instance's lines are as it wrote them")
    func one() {
        #expect(LogText.lines([line("a", "up"), line("a", "down")], on: Canvas()) == ["up", "down"])
    }

    @Test("several instances' lines say whose they are")
    func several() {
        #expect(
            LogText.lines([line("a", "up"), line("bb", "\u{1B}[2Jup")], on: Canvas())
                == ["a   up", "bb  \u{FFFD}[2Jup"])
    }
}
