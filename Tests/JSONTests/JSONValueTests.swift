import Foundation
import Testing

@testable import JSON

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
        #expect(try JSONValue(scanning: data) == JSONValue(parsing: data))
    }

    @Test(arguments: ["", "{", "[1", "nope", #"{"a" 1}"#])
    func whatIsNoJSONIsRefused(_ text: String) {
        #expect(throws: (any Error).self) { try JSONValue(parsing: Data(text.utf8)) }
        #expect(throws: JSONScanner.Fault.malformed) { try JSONValue(scanning: text.utf8) }
    }

    @Test("a scanned number that no double holds is infinite, and text that is nested too deep is refused")
    func bounds() throws {
        #expect(try JSONValue(scanning: "[1e999]".utf8) == .array([.number(.infinity)]))
        let deep = String(repeating: "[", count: JSONScanner.depthMax + 1)
        #expect(throws: JSONScanner.Fault.tooDeep) { try JSONValue(scanning: deep.utf8) }
    }

    @Test("parts are read by their names and places, and there are none of anything else")
    func parts() throws {
        let value = try JSONValue(scanning: #"{"a": ["x", 2, 2.5]}"#.utf8)
        #expect(value["a"]?[0]?.text == "x" && value["a"]?[1]?.whole == 2 && value["a"]?[2]?.number == 2.5)
        #expect(value["a"]?[1]?.number == 2 && value["a"]?.items.count == 3 && value.members.keys.sorted() == ["a"])
        #expect(value["b"] == nil && value[0] == nil && value["a"]?[3] == nil && value["a"]?["x"] == nil)
        #expect(value.text == nil && value.whole == nil && value.number == nil && value.items.isEmpty)
        #expect(value["a"]?.members.isEmpty == true)
    }

    @Test(
        "white space goes from between the parts, and nothing else changes",
        arguments: [
            (
                " { \"b\" : [ 1.50 , 18446744073709551616 ] ,\n\"a\":\t\" x \\\" y \" } ",
                #"{"b":[1.50,18446744073709551616],"a":" x \" y "}"#
            ),
            (#""\\ ""#, #""\\ ""#), ("7", "7"),
        ])
    func compact(text: String, expected: String) throws {
        let compact = Array(text.utf8).withUnsafeBytes { bytes in try? JSONScanner.compact(bytes) }
        #expect(compact.map { String(decoding: $0, as: UTF8.self) } == expected)
        let cut = Array(text.utf8.dropLast()).withUnsafeBytes { bytes in try? JSONScanner.compact(bytes) }
        if text != "7", text.last != " " { #expect(cut == nil) }
    }
}
