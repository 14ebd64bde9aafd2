import Foundation
import JSON
import ModelManifests

/// Changes the content of a JSON document, and leaves it valid JSON. A parser refuses most documents with one changed byte at the
/// first brace, which does not test how it handles the rest.
enum JSONMutation {
    /// - Returns: nil if neither the input nor one of its lines is an object or an array.
    static func mutated(
        _ input: [UInt8], words: [String], using random: inout some RandomNumberGenerator
    ) -> [UInt8]? {
        if let value = document(input[...]) { return Array(text(value, words, &random).utf8) }
        var lines = input.split(separator: 10, maxSplits: 64, omittingEmptySubsequences: false)
        guard lines.count > 1, let index = lines.indices.randomElement(using: &random),
            let value = document(lines[index])
        else { return nil }
        lines[index] = Array(text(value, words, &random).utf8)[...]
        return Array(lines.joined(separator: [10]))
    }

    private static func document(_ bytes: ArraySlice<UInt8>) -> JSONValue? {
        guard let first = bytes.first(where: { $0 > 0x20 }), first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
        else { return nil }
        return try? JSONValue(parsing: Data(bytes))
    }

    private static func text(
        _ value: JSONValue, _ words: [String], _ random: inout some RandomNumberGenerator
    ) -> String {
        let places = count(value)
        let other = part(of: value, at: Int.random(in: 0..<places, using: &random))
        var place = Int.random(in: 0..<places, using: &random)
        return CanonicalJSON.text(
            changed(value, at: &place) { change($0, in: value, other: other, words, &random) })
    }

    private static func count(_ value: JSONValue) -> Int {
        switch value {
        case .array(let items): 1 + items.reduce(0) { $0 + count($1) }
        case .object(let members): 1 + members.values.reduce(0) { $0 + count($1) }
        default: 1
        }
    }

    private static func part(of value: JSONValue, at place: Int) -> JSONValue {
        var place = place
        var found = value
        _ = changed(value, at: &place) {
            found = $0
            return $0
        }
        return found
    }

    /// In a fixed order, so that a run can be repeated.
    private static func changed(
        _ value: JSONValue, at place: inout Int, _ change: (JSONValue) -> JSONValue
    ) -> JSONValue {
        if place == 0 {
            place = -1
            return change(value)
        }
        place -= 1
        switch value {
        case .array(let items):
            return .array(items.map { place < 0 ? $0 : changed($0, at: &place, change) })
        case .object(let members):
            var anew = members
            for name in members.keys.sorted() where place >= 0 {
                anew[name] = members[name].map { changed($0, at: &place, change) }
            }
            return .object(anew)
        default: return value
        }
    }

    private static let scalars: [JSONValue] = [
        .null, .bool(true), .bool(false), .integer(0), .integer(-1), .integer(1), .integer(100), .integer(.max),
        .integer(.min),
        .integer(1 << 32), .number(0.5), .number(1e308), .number(-1e308), .number(.leastNonzeroMagnitude), .string(""),
        .string("1"),
        .string("9223372036854775807"), .string("NaN"), .string("+Inf"), .string("-"), .string("a\u{0}b"), .array([]),
        .object([:]),
    ]

    private static func change(
        _ value: JSONValue, in whole: JSONValue, other: JSONValue, _ words: [String],
        _ random: inout some RandomNumberGenerator
    ) -> JSONValue {
        let word = (words.randomElement(using: &random) ?? "a").split(separator: ":")[...].first.map(String.init) ?? ""
        let name = word.replacing("\"", with: "")
        switch (value, Int.random(in: 0..<8, using: &random)) {
        case (.array(let items), 0...2): return .array(changed(items, other, &random))
        case (.object(var members), 0...2):
            if let key = members.keys.sorted().randomElement(using: &random), Bool.random(using: &random) {
                members[key] = Bool.random(using: &random) ? nil : other
            } else {
                members[name] = Bool.random(using: &random) ? other : scalars.randomElement(using: &random)
            }
            return .object(members)
        case (.integer(let number), 0...2): return .integer(number &+ Int.random(in: -2...2, using: &random))
        case (.string(let text), 0...2):
            return .string(Bool.random(using: &random) ? text + name : String(text.dropFirst()))
        case (_, 3): return other
        case (_, 4): return .string(name)
        case (_, 5):
            let depth = [1, 2, 20, 200].randomElement(using: &random) ?? 1
            return (0..<depth).reduce(value) { inner, _ in .array([inner]) }
        default: return scalars.randomElement(using: &random) ?? .null
        }
    }

    private static func changed(
        _ items: [JSONValue], _ other: JSONValue, _ random: inout some RandomNumberGenerator
    ) -> [JSONValue] {
        var items = items
        switch Int.random(in: 0..<4, using: &random) {
        case 0: items.append(other)
        case 1: if !items.isEmpty { items.removeLast() }
        case 2: items.shuffle(using: &random)
        default:
            let most = [2, 8, 64].randomElement(using: &random) ?? 2
            items = (0..<most).flatMap { _ in items.prefix(4) }
        }
        return items
    }
}
