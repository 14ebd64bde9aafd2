import Foundation
import TestSupport
import Testing

@testable import JSON

@Suite struct JSONScannerTests {
    @Test(
        "a path leads to its value and to nothing else",
        arguments: [
            (#"{"outputs":[{"name":"y","data":[0.25, 1]}]}"#, "outputs[0].data[0]", "0.25"),
            (#"{"outputs":[{"name":"y","data":[0.25, 1]}]}"#, "outputs[0].data[2]", nil),
            (#"{"outputs":[{"name":"y","data":[0.25, 1]}]}"#, "outputs[0].name", #""y""#),
            (#"{"outputs":[{"name":"y"}]}"#, "outputs", #"[{"name":"y"}]"#),
            (" [ [ ] , { \"a\" : [ 1 , -2.5e3 ] } ] ", "[1].a[1]", "-2.5e3"),
            (#"{"a":{"b":1},"ab":2}"#, "ab", "2"),
            (#"{"a":[1]}"#, "a.b", nil),
            (#"{"a":{"0":1}}"#, "a[0]", nil),
            ("5", "", "5"),
            ("5", "a", nil),
            (#"{"é":1}"#, "é", "1"),
            ("{\"\\u00e9\":1}", "é", "1"),
            (#"{"a\"b":"c\\"}"#, #"a"b"#, #""c\\""#),
            // As in other parsers, the last member counts.
            (#"{"a":1,"a":2}"#, "a", "2"),
            (#"{"a":{"b":1},"a":2}"#, "a.b", nil),
        ])
    func paths(text: String, path: String, value: String?) throws {
        #expect(try Self.find(path, in: Array(text.utf8)) == value)
    }

    @Test(
        "text that is not exactly one JSON value is refused, wherever the fault is",
        arguments: [
            "", " ", "{", "[1", "[1,]", #"{"a":1,}"#, #"{"a"}"#, "{1:2}", #"{"a":1 "b":2}"#, "[1 2]", "1 2", "[1]]",
            "tru",
            "trux", "nul", "NaN", "Infinity", "-", "01", "1.", ".5", "1e", "1e+", "+1", "0x10", "'a'", "\"a", "\"\\x\"",
            "\"\\u12\"", "\"\\u12g4\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"a\u{1}\"", "\"a\nb\"",
            "\"\\",
            "\u{feff}1", "[1]//", "--1", "1-", "[,]", ":",
        ])
    func malformed(text: String) {
        #expect(throws: JSONScanner.Fault.malformed) { try Self.find("", in: Array(text.utf8)) }
    }

    @Test("bytes that are not UTF-8 are refused")
    func utf8() {
        #expect(throws: JSONScanner.Fault.malformed) { try Self.find("", in: [0x22, 0xff, 0x22]) }
        #expect(throws: JSONScanner.Fault.malformed) { try Self.find("", in: [0x22, 0xc3, 0x22]) }
        #expect(throws: JSONScanner.Fault.malformed) { try Self.find("", in: [0x22, 0xed, 0xa0, 0x80, 0x22]) }
    }

    @Test("nesting is read up to the limit, and refused beyond it")
    func depth() throws {
        func nested(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
        }
        #expect(try Self.find("", in: nested(JSONScanner.depthMax)) != nil)
        #expect(throws: JSONScanner.Fault.tooDeep) { try Self.find("", in: nested(JSONScanner.depthMax + 1)) }
        #expect(throws: JSONScanner.Fault.tooDeep) { try Self.find("", in: nested(200_000)) }
        // Alternating kinds count in the same way, and so does what is skipped on the way to the path.
        let mixed = String(repeating: #"{"a":["#, count: 70)
        #expect(throws: JSONScanner.Fault.tooDeep) { try Self.find("b", in: Array(mixed.utf8)) }
    }

    @Test("scalars are read with their type; null, arrays and objects are not scalars")
    func scalars() {
        #expect(Self.scalar("1.5") == .number(1.5))
        #expect(Self.scalar("-0") == .number(0))
        #expect(Self.scalar("1e400") == .number(.infinity))
        #expect(Self.scalar("true") == .boolean(true))
        #expect(Self.scalar("false") == .boolean(false))
        #expect(Self.scalar(#""a\n\u00e9\ud83d\ude00\/""#) == .string("a\né😀/"))
        #expect(Self.scalar("null") == nil && Self.scalar("[1]") == nil && Self.scalar("{}") == nil)
    }

    @Test(
        "in random documents, random paths give the same value as Foundation's parser",
        arguments: [11, 12, 13] as [UInt64])
    func againstFoundation(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        for _ in 0..<500 {
            var document = RandomJSON(random: random)
            let text = document.value(depth: 0)
            let path = document.path()
            random = document.random
            let bytes = Array(text.utf8)
            let whole = try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
            let wanted = Self.walk(whole, path.steps[...])
            let found = try Self.find(path, in: bytes)
            #expect((found == nil) == (wanted == nil), "seed \(seed): \(path.text) in \(text)")
            guard let found, let wanted else { continue }
            let value = try JSONSerialization.jsonObject(with: Data(found.utf8), options: .fragmentsAllowed)
            #expect(Self.same(value, wanted), "seed \(seed): \(path.text) in \(text)")
        }
    }

    @Test(
        "no changed document is accepted that Foundation's parser refuses",
        arguments: [21, 22] as [UInt64])
    func mutated(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var refused = 0
        for _ in 0..<2_000 {
            var document = RandomJSON(random: random)
            var bytes = Array(document.value(depth: 0).utf8)
            random = document.random
            let byte = UInt8.random(in: 0...255, using: &random)
            // An exponent may make a number that no double can represent, which Foundation's parser refuses.
            if byte | 0x20 == 0x65 { continue }
            bytes[Int.random(in: bytes.indices, using: &random)] = byte
            let isTaken = (try? Self.find("", in: bytes)) != nil
            let isJSON = (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) != nil
            if !isTaken { refused += 1 }
            #expect(!isTaken || isJSON, "seed \(seed): \(bytes)")
        }
        #expect(refused > 200)
    }

    @Test("random bytes neither trap nor hang")
    func noise() {
        var random = SeededRandom(seed: 31)
        let alphabet = Array(#"{}[]",:\u0123456789abcdefntrl.-+eE "#.utf8) + [0x00, 0x80, 0xc3, 0xff]
        for _ in 0..<10_000 {
            let count = Int.random(in: 0...24, using: &random)
            let bytes = (0..<count).map { _ in alphabet.randomElement(using: &random)! }
            _ = try? Self.find("a[1].b", in: bytes)
        }
    }

    // MARK: Reading

    private static func find(_ path: String, in bytes: [UInt8]) throws -> String? {
        try find(path.isEmpty ? JSONPath(steps: []) : #require(JSONPath(path)), in: bytes)
    }

    private static func find(_ path: JSONPath, in bytes: [UInt8]) throws -> String? {
        try bytes.withUnsafeBytes { raw in
            try JSONScanner.range(of: path, in: raw).map { String(decoding: raw[$0], as: UTF8.self) }
        }
    }

    private static func scalar(_ text: String) -> JSONScalar? {
        Array(text.utf8).withUnsafeBytes { JSONScalar($0, 0..<$0.count) }
    }

    private static func walk(_ value: Any, _ steps: ArraySlice<JSONPath.Step>) -> Any? {
        guard let step = steps.first else { return value }
        switch step {
        case .member(let name):
            return (value as? [String: Any])?[name].flatMap { walk($0, steps.dropFirst()) }
        case .element(let index):
            guard let array = value as? [Any], array.indices.contains(index) else { return nil }
            return walk(array[index], steps.dropFirst())
        }
    }

    private static func same(_ one: Any, _ other: Any) -> Bool {
        switch (one, other) {
        case (let one as NSNumber, let other as NSNumber): one == other
        case (let one as String, let other as String): one == other
        case (let one as [Any], let other as [Any]):
            one.count == other.count && zip(one, other).allSatisfy { same($0, $1) }
        case (let one as [String: Any], let other as [String: Any]):
            one.count == other.count && one.allSatisfy { name, value in other[name].map { same(value, $0) } ?? false }
        case (is NSNull, is NSNull): true
        default: false
        }
    }
}

/// Documents with few names, so that random paths often lead to a value.
private struct RandomJSON {
    var random: SeededRandom
    private static let names = ["a", "b", "ab", "é", "x\\\"y", "\\u0061", "n\\n"]
    private static let pathNames = ["a", "b", "ab", "é", "x\"y", "zz"]

    init(random: SeededRandom) { self.random = random }

    mutating func value(depth: Int) -> String {
        space() + bare(depth: depth) + space()
    }

    private mutating func bare(depth: Int) -> String {
        switch Int.random(in: 0..<(depth < 4 ? 9 : 5), using: &random) {
        case 0: return ["true", "false", "null"].randomElement(using: &random)!
        case 1: return String(Int.random(in: -1000...1000, using: &random))
        case 2: return "\(Double.random(in: -1...1, using: &random))"
        case 3: return String(Int.random(in: 1...9, using: &random)) + ".5e-3"
        case 4: return #""\#(Self.names.randomElement(using: &random)!)""#
        case 5, 6:
            let count = Int.random(in: 0...3, using: &random)
            return "[" + (0..<count).map { _ in value(depth: depth + 1) }.joined(separator: ",") + "]"
        default:
            // Each name only once. Another test covers duplicate names.
            let names = Self.names.shuffled(using: &random)
                .prefix(Int.random(in: 0...4, using: &random))
            let unique = names.contains("a") ? names.filter { $0 != "\\u0061" } : Array(names)
            return "{"
                + unique.map { "\(space())\"\($0)\"\(space()):" + value(depth: depth + 1) }.joined(separator: ",") + "}"
        }
    }

    mutating func path() -> JSONPath {
        JSONPath(
            steps: (0..<Int.random(in: 0...3, using: &random)).map { _ in
                Bool.random(using: &random)
                    ? .element(Int.random(in: 0...2, using: &random))
                    : .member(Self.pathNames.randomElement(using: &random)!)
            })
    }

    private mutating func space() -> String { ["", "", " ", "\t", "\r\n "].randomElement(using: &random)! }
}
