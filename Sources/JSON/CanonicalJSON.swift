import Foundation
import SafeText

/// Canonical JSON: keys sorted by their UTF-8 bytes, no white space, slashes not escaped.
package enum CanonicalJSON {
    /// The text with one value set at a path. Creates the objects on the path that do not exist.
    /// - Precondition: `canonical` is canonical JSON from this type. Any other text is returned unchanged.
    package static func setting(_ path: [String], to text: String, in canonical: String) -> String {
        guard let value = try? JSONValue(parsing: Data(canonical.utf8)) else {
            return canonical
        }
        return self.text(value.setting(path[...], to: .string(text)))
    }

    package static func text(_ value: JSONValue) -> String {
        var writer = CanonicalJSONWriter()
        writer.write(value)
        return writer.text
    }

    /// Indented JSON for people: two spaces per level, keys sorted.
    package static func indentedText(_ value: JSONValue) -> String {
        var writer = CanonicalJSONWriter(isIndented: true)
        writer.write(value)
        return writer.text + "\n"
    }
}

private struct CanonicalJSONWriter {
    private var bytes: [UInt8] = []
    private let isIndented: Bool
    private var depth = 0

    init(isIndented: Bool = false) { self.isIndented = isIndented }

    var text: String { String(decoding: bytes, as: UTF8.self) }

    mutating func write(_ value: JSONValue) {
        switch value {
        case .null: bytes += "null".utf8
        case .bool(let value): bytes += (value ? "true" : "false").utf8
        case .integer(let value): bytes += String(value).utf8
        case .number(let value): bytes += value.description.utf8
        case .string(let value): write(value)
        case .array(let items):
            write(items, open: "[", close: "]") { writer, item in writer.write(item) }
        case .object(let members):
            let sorted = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            write(sorted, open: "{", close: "}") { writer, member in
                writer.write(member.key)
                writer.bytes += (writer.isIndented ? ": " : ":").utf8
                writer.write(member.value)
            }
        }
    }

    private mutating func write<Item>(
        _ items: [Item], open: String, close: String, each: (inout CanonicalJSONWriter, Item) -> Void
    ) {
        bytes += open.utf8
        depth += 1
        for (index, item) in items.enumerated() {
            if index > 0 { bytes += ",".utf8 }
            startLine()
            each(&self, item)
        }
        depth -= 1
        if !items.isEmpty { startLine() }
        bytes += close.utf8
    }

    private mutating func startLine() {
        guard isIndented else { return }
        bytes += "\n".utf8
        bytes += repeatElement(UInt8(ascii: " "), count: depth * 2)
    }

    private mutating func write(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): bytes += "\\n".utf8
            case UInt8(ascii: "\r"): bytes += "\\r".utf8
            case UInt8(ascii: "\t"): bytes += "\\t".utf8
            case 0..<0x20: bytes += "\\u00".utf8 + Hex.digits(of: byte)
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
