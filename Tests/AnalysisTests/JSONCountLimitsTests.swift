import Testing

@testable import Analysis

@Suite("Numbers too large for counts")
struct CountLiteralsTests {
    @Test(
        "are found wherever a number could be read as a count",
        arguments: [
            "9007199254740994", "-9007199254740994", "9223372036854775807", "-9223372036854775808", "9.2e18", "1E16",
            "10000000000000000.0", "[1,20000000000000000]", #"{"a\\":20000000000000000}"#,
            #"{"a\"b":20000000000000000}"#,
        ])
    func found(text: String) { #expect(JSONCountLimits.excess(in: text.utf8) != nil) }

    @Test(
        "do not include digits in texts, numbers that are not read as counts, and valid counts",
        arguments: [
            "", "0", "9007199254740992", "-9007199254740992", "0.12345678901234567890", "1e300", "1e-300",
            #"{"99999999999999999":"99999999999999999"}"#, #"{"a\":99999999999999999":1}"#, "99999999999999999999999",
        ])
    func not(text: String) { #expect(JSONCountLimits.excess(in: text.utf8) == nil) }
}
