import Testing

@testable import Presentation

@Suite struct SharedReasonsTests {
    private static let reason = "candidate 31 errors of 1,020 (3.04 %), stable 96 of 9,180 (1.05 %)"
    private static let other = "the candidate was not available for 30 s within two minutes"

    private func screen(_ texts: [String], width: Int? = nil) -> [String] {
        let reasons = SharedReasons(of: texts)
        return texts.map(reasons.shortened) + reasons.lines(on: Canvas(width: width), indent: 2)
    }

    @Test("a reason that several texts end with stands once, below them")
    func shared() {
        #expect(
            screen([
                "gate errors failed: \(Self.reason)", "version 2 serves: gate errors failed: \(Self.reason)",
                "paused by ada", "not tried again: gate errors failed: \(Self.reason)",
            ]) == [
                "gate errors failed [1]", "version 2 serves: gate errors failed [1]", "paused by ada",
                "not tried again: gate errors failed [1]", "  [1] \(Self.reason)",
            ])
    }

    @Test("the longest common reason is shared")
    func longest() {
        #expect(
            screen(["a: gate errors failed: \(Self.reason)", "b: gate errors failed: \(Self.reason)"]) == [
                "a [1]", "b [1]", "  [1] gate errors failed: \(Self.reason)",
            ])
    }

    @Test("reasons are numbered in the order of the screen")
    func order() {
        let texts = ["a: \(Self.other)", "b: \(Self.reason)", "c: \(Self.reason)", "d: \(Self.other)"]
        #expect(
            screen(texts) == [
                "a [1]", "b [2]", "c [2]", "d [1]", "  [1] \(Self.other)", "  [2] \(Self.reason)",
            ])
    }

    @Test("a reason that stands once, and a short one, stay where they are")
    func untouched() {
        for texts in [["a: \(Self.reason)", "b"], ["a: too slow", "b: too slow"], [Self.reason, Self.reason], []] {
            #expect(screen(texts) == texts)
        }
    }

    @Test("a shared reason is wrapped, never cut")
    func wraps() {
        let lines = screen(["a: \(Self.reason)", "b: \(Self.reason)"], width: 30)
        #expect(lines.allSatisfy { $0.columns <= 30 })
        #expect(
            lines.dropFirst(2).joined(separator: " ").split(separator: " ").dropFirst().joined(separator: " ")
                == Self.reason)
    }

    @Test("a reason that is shown elsewhere is left out, and only that")
    func shown() {
        let reasons = ShownReasons([Self.reason, "gate errors failed: \(Self.reason)", ""])
        #expect(reasons.shortened("version 2 serves: gate errors failed: \(Self.reason)") == "version 2 serves")
        #expect(reasons.shortened("gate errors failed: \(Self.reason)") == "gate errors failed")
        for text in ["gate errors failed: \(Self.reason) again", Self.reason, "", "a: "] {
            #expect(reasons.shortened(text) == text)
        }
    }
}
