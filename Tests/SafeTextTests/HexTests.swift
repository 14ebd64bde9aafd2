import Testing

@testable import SafeText

@Suite("Hexadecimal digits")
struct HexTests {
    @Test("bytes have two digits each, numbers at least as many as asked for")
    func text() {
        #expect(Hex.text([0, 9, 10, 255]) == "00090aff")
        #expect(Hex.text(0xab, digits: 4) == "00ab" && Hex.text(0x12345, digits: 2) == "12345")
        #expect(Hex.text(0xab, digits: 2, isUpper: true) == "AB")
        #expect(Hex.digits(of: 0x0f, isUpper: true) == Array("0F".utf8))
    }

    @Test(
        "only ASCII digits are some",
        arguments: [("", true), ("09afAF", true), ("g", false), ("ａ", false), ("1 ", false)])
    func isHex(text: String, expected: Bool) { #expect(Hex.isHex(text) == expected) }
}
