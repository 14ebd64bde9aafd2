import Testing

@testable import ModelManifests

@Suite struct QuantityTests {
    @Test(arguments: [
        ("2", 1000, 2000), ("500m", 1000, 500), ("1.5", 1000, 1500), ("0.1", 1000, 100), ("1500u", 1_000_000, 1500),
        ("4Gi", 1, 4_294_967_296), ("1.5Gi", 1, 1_610_612_736), ("1e3", 1, 1000), ("2E3", 1, 2000), ("3k", 1, 3000),
        ("1E", 1, 1_000_000_000_000_000_000), ("128974848000m", 1, 128_974_848), ("0", 1, 0), ("7Ei", 1, 7 << 60),
    ])
    func `quantities are exact`(_ text: String, _ perUnit: Int, _ wanted: Int) {
        #expect(Quantity(text)?.whole(perUnit: perUnit) == wanted)
    }

    @Test(arguments: ["", "4gi", "Gi", "-1", "1 Gi", "1.2.3", "e3", "1e", "1e99", "0x10", "1_000"])
    func `text that is not a quantity is refused`(_ text: String) {
        #expect(Quantity(text) == nil)
    }

    @Test(arguments: [("0.0001", 1000), ("8Ei", 1), ("1.5", 1), ("10E", 1)])
    func `a quantity that is not a whole number of units is not rounded`(_ text: String, _ perUnit: Int) {
        #expect(Quantity(text)?.whole(perUnit: perUnit) == nil)
        #expect(Quantity(text) != nil)
    }

    @Test func `a wrong suffix gets a suggestion`() {
        #expect(Quantity.suggestion(for: "4gi") == "did you mean '4Gi'?")
        #expect(Quantity.suggestion(for: "4 GiB") == "did you mean '4Gi'?")
        #expect(Quantity.suggestion(for: "4GB") == "did you mean '4G'?")
        #expect(Quantity.suggestion(for: "lots") == nil)
    }
}
