import Foundation

/// A JSON value in normal form: equal values have one representation.
package enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case integer(Int)
    /// Never a whole number that fits `integer`.
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// A number in its normal form: whole numbers are integers, others the shortest decimal that reads back the same.
    package static func normal(_ number: Double) -> JSONValue {
        Int(exactly: number).map(JSONValue.integer) ?? .number(number)
    }

    /// The object with the other's members added; where both have a key, the other's value wins.
    package func merging(_ other: [String: JSONValue]) -> JSONValue {
        guard case .object(let own) = self else { return self }
        return .object(own.merging(other) { _, new in new })
    }

    /// Sets a value at a path. Creates the objects on the path that do not exist.
    package func setting(_ path: ArraySlice<String>, to value: JSONValue) -> JSONValue {
        guard let key = path.first else { return value }
        var object: [String: JSONValue] = [:]
        if case .object(let own) = self { object = own }
        object[key] = (object[key] ?? .object([:])).setting(path.dropFirst(), to: value)
        return .object(object)
    }
}

extension JSONValue {
    /// A member of an object; nil where there is none, or this is no object.
    package subscript(_ key: String) -> JSONValue? {
        if case .object(let members) = self { members[key] } else { nil }
    }

    /// An item of an array; nil where there is none, or this is no array.
    package subscript(_ index: Int) -> JSONValue? {
        if case .array(let items) = self, items.indices.contains(index) { items[index] } else { nil }
    }

    package var text: String? { if case .string(let text) = self { text } else { nil } }
    package var whole: Int? { if case .integer(let number) = self { number } else { nil } }
    package var number: Double? {
        switch self {
        case .integer(let number): Double(number)
        case .number(let number): number
        default: nil
        }
    }
    /// Of an array; none of anything else.
    package var items: [JSONValue] { if case .array(let items) = self { items } else { [] } }
    /// Of an object; none of anything else.
    package var members: [String: JSONValue] { if case .object(let members) = self { members } else { [:] } }
}

extension JSONValue {
    /// Parses JSON. This is several times faster than decoding, which tries one type after another.
    /// - Throws: the error of `JSONSerialization` for text that is not JSON.
    package init(parsing text: Data) throws {
        self.init(foundation: try JSONSerialization.jsonObject(with: text, options: .fragmentsAllowed))
    }

    private init(foundation value: Any) {
        switch value {
        case let text as String: self = .string(text)
        case let members as [String: Any]: self = .object(members.mapValues(JSONValue.init(foundation:)))
        case let items as [Any]: self = .array(items.map(JSONValue.init(foundation:)))
        case let number as NSNumber where Self.isBool(number): self = .bool(number.boolValue)
        case let number as NSNumber: self = (number as? Int).map(JSONValue.integer) ?? .normal(Self.double(number))
        default: self = .null
        }
    }

    /// Foundation reads numbers with many digits as decimals, whose `doubleValue` is not always the nearest double.
    private static func double(_ number: NSNumber) -> Double {
        guard let decimal = number as? NSDecimalNumber else { return number.doubleValue }
        return Double(decimal.stringValue) ?? decimal.doubleValue
    }

    /// Foundation stores a Boolean as a number of type `char`; no number in JSON has that type.
    private static func isBool(_ number: NSNumber) -> Bool { number.objCType.pointee == CChar(bitPattern: 0x63) }
}

extension JSONValue {
    /// Reads one JSON value, strictly (`JSONScanner`). What no double holds is infinite.
    package init(scanning text: some Sequence<UInt8>) throws(JSONScanner.Fault) {
        let read = Array(text).withUnsafeBytes { bytes in
            Result { () throws(JSONScanner.Fault) in try JSONValue(scanning: bytes) }
        }
        self = try read.get()
    }

    /// Reads one JSON value, strictly (`JSONScanner`). What no double holds is infinite.
    package init(scanning bytes: UnsafeRawBufferPointer) throws(JSONScanner.Fault) {
        var scanner = JSONScanner(bytes)
        scanner.skipSpace()
        self = try Self.value(&scanner, depth: 0)
        scanner.skipSpace()
        guard scanner.offset == bytes.count else { throw .malformed }
    }

    private static func value(_ scanner: inout JSONScanner, depth: Int) throws(JSONScanner.Fault) -> JSONValue {
        switch try scanner.kind() {
        case .null:
            try scanner.word("null")
            return .null
        case .boolean: return .bool(try scanner.boolean())
        case .number:
            let start = scanner.offset
            let number = try scanner.number()
            let text = String(decoding: scanner.bytes[start..<scanner.offset], as: UTF8.self)
            return Int(text).map(JSONValue.integer) ?? .normal(number)
        case .string:
            let range = try scanner.string()
            return .string(try text(scanner, range))
        case .array:
            var items: [JSONValue] = []
            try scanner.elements(depth: depth) { (scanner, _) throws(JSONScanner.Fault) in
                items.append(try value(&scanner, depth: depth + 1))
            }
            return .array(items)
        case .object:
            var members: [String: JSONValue] = [:]
            try scanner.members(depth: depth) { (scanner, name) throws(JSONScanner.Fault) in
                members[try text(scanner, name)] = try value(&scanner, depth: depth + 1)
            }
            return .object(members)
        }
    }

    private static func text(_ scanner: JSONScanner, _ range: Range<Int>) throws(JSONScanner.Fault) -> String {
        guard let text = JSONScanner.text(scanner.bytes, range) else { throw .malformed }
        return text
    }
}

extension JSONValue: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        // The most frequent types come first, because a failed attempt costs more than a successful one.
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([String: JSONValue].self) {
            self = .object(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int.self) {
            self = .integer(value)
        } else {
            self = .normal(try container.decode(Double.self))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(integerLiteral value: Int) { self = .integer(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(Dictionary(uniqueKeysWithValues: elements))
    }
}
