import Testing

@testable import ModelManifests

@Suite struct PlainScalarTests {
    @Test(arguments: [
        ("12", 12), ("-3", -3), ("+4", 4), ("1_000", 1000), ("0x1F", 31), ("0o17", 15), ("0", 0),
    ])
    func `whole numbers are read in every YAML notation`(_ text: String, _ wanted: Int) {
        #expect(PlainScalar.integer(text) == wanted)
    }

    @Test(arguments: ["", "010", "1.0", "1e3", "x", "-", "0x", "99999999999999999999", "٣", "_1"])
    func `text that is not a whole number is refused`(_ text: String) {
        #expect(PlainScalar.integer(text) == nil)
    }

    @Test func `decimals are finite`() {
        #expect(PlainScalar.number("0.10") == 0.1)
        #expect(PlainScalar.number("1e-3") == 0.001)
        #expect(PlainScalar.number(".5") == 0.5)
        #expect([".inf", ".nan", "nan", "inf", "1e999", "0x1p3", ""].allSatisfy { PlainScalar.number($0) == nil })
    }
}
