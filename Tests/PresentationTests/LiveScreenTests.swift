import Testing

@testable import Presentation

@Suite struct LiveScreenTests {
    @Test("the second frame is drawn over the first, and longer old lines are erased")
    func redraws() {
        var screen = LiveScreen()
        #expect(screen.redraw(["a", "b"], height: 24) == "a\u{1B}[K\nb\u{1B}[K\n\u{1B}[J")
        #expect(screen.redraw(["c"], height: 24) == "\u{1B}[2A\rc\u{1B}[K\n\u{1B}[J")
        #expect(screen.redraw([], height: 24) == "\u{1B}[1A\r\u{1B}[J")
    }

    @Test("lines that do not fit are left out and counted, so that nothing scrolls")
    func fits() {
        var screen = LiveScreen()
        #expect(
            screen.redraw(["a", "b", "c", "d"], height: 4)
                == "a\u{1B}[K\nb\u{1B}[K\n… 2 more lines\u{1B}[K\n\u{1B}[J")
        #expect(screen.redraw(["a", "b", "c"], height: 4).hasPrefix("\u{1B}[3A\r"))
    }
}
