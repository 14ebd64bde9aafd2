import NIOCore
import Testing

@testable import TrafficProxy

@Suite struct BodyCopyTests {
    private static func append(_ text: String, to copy: BodyCopy) {
        Array(text.utf8).withUnsafeBytes { copy.append($0) }
    }

    private static func copy(
        _ budget: CopyBudget, most: Int = 10, coding: ContentCoding = .none
    ) -> BodyCopy {
        BodyCopy(BodyForm(coding: coding), bytesMax: most, budget: budget)
    }

    @Test("parts are joined up to the limit; a body over it is abandoned, and its room is free again")
    func bound() {
        let budget = CopyBudget(bytesMax: 100)
        let copy = Self.copy(budget)
        for part in ["01234", "", "56789"] { Self.append(part, to: copy) }
        #expect(copy.readable == .bytes(ByteBuffer(string: "0123456789"), BodyForm(), bytesMax: 10))
        #expect(copy.verbatim == ByteBuffer(string: "0123456789"))
        #expect(budget.bytes == 10)
        Self.append("x", to: copy)
        #expect(copy.isTooLarge && copy.readable == .unseen(.tooLarge) && copy.verbatim == nil)
        #expect(budget.bytes == 0)
        Self.append("0", to: copy)
        #expect(copy.verbatim == nil)
    }

    @Test("all copies together stay within the budget, and one that is over gives its room back")
    func budget() {
        let budget = CopyBudget(bytesMax: 12)
        var first: BodyCopy? = Self.copy(budget)
        if let first { Self.append("01234567", to: first) }
        let second = Self.copy(budget)
        Self.append("0123", to: second)
        #expect(budget.bytes == 12)
        Self.append("4", to: second)
        #expect(second.readable == .unseen(.noRoom) && second.isGivenUp && !second.isTooLarge)
        #expect(budget.bytes == 8)
        first = nil
        #expect(budget.bytes == 0)
    }

    @Test("a body with an unknown coding can be forwarded but not read")
    func unknownCoding() {
        let copy = Self.copy(CopyBudget(bytesMax: 100), coding: .other)
        Self.append("brotli", to: copy)
        #expect(copy.readable == .unseen(.compressed))
        #expect(copy.verbatim == ByteBuffer(string: "brotli"))
    }
}
