import ControlPorts
import Serving
import TestSupport
import Testing

@testable import Presentation

@Suite struct LogTextTests {
    private func line(_ instance: String, _ text: String) -> LogLine {
        LogLine(revision: StatusSamples.old, instance: instance, text: text)
    }

    @Test("lines of one instance are printed unchanged")
    func one() {
        #expect(LogText.lines([line("a", "up"), line("a", "down")], on: Canvas()) == ["up", "down"])
    }

    @Test("lines of several instances name their instance")
    func several() {
        #expect(
            LogText.lines([line("a", "up"), line("bb", "\u{1B}[2Jup")], on: Canvas())
                == ["a   up", "bb  \u{FFFD}[2Jup"])
    }
}
