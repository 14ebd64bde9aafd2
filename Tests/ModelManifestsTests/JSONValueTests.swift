import Foundation
import Testing

@testable import ModelManifests

struct JSONValueTests {
    @Test(arguments: [
        "null", "true", "false", "0", "1", "-7", "1.5", "1.0", "1e3", "0.1", "-0.0", "9223372036854775807",
        "9223372036854775808", "1e300", "1.2345678901235682", "123456.78901234567", "12345678901234567890.5", #""""#,
        #""1""#, #""true""#, #""ü \u00fc \ud83d\ude00 \n""#, "[]", "{}",
        #"[1, "1", true, null, [1.25]]"#, #"{"a": {"b": [true, 1, 1.0, 0]}, "c": null}"#,
    ])
    func parsedIsWhatIsDecoded(_ text: String) throws {
        let data = Data(text.utf8)
        #expect(try JSONValue(parsing: data) == JSONDecoder().decode(JSONValue.self, from: data))
    }

    @Test(arguments: ["", "{", "[1", "nope", #"{"a" 1}"#])
    func whatIsNoJSONIsRefused(_ text: String) {
        #expect(throws: (any Error).self) { try JSONValue(parsing: Data(text.utf8)) }
    }
}
