import Foundation
import SafeText

/// Writes JSON as YAML, for `-o yaml`: block style, sorted keys. Strings are quoted where YAML could read them as another
/// type.
enum YAMLText {
    static func render(json: Data) throws -> String {
        lines(try JSONDecoder().decode(Node.self, from: json)).joined(separator: "\n") + "\n"
    }

    private indirect enum Node: Decodable {
        case scalar(String)
        case list([Node])
        case map([(key: String, value: Node)])

        init(from decoder: any Decoder) throws {
            if let keyed = try? decoder.container(keyedBy: AnyKey.self) {
                self = .map(
                    try keyed.allKeys.sorted { $0.stringValue < $1.stringValue }.map {
                        (quoted($0.stringValue), try keyed.decode(Node.self, forKey: $0))
                    })
                return
            }
            if var unkeyed = try? decoder.unkeyedContainer() {
                var items: [Node] = []
                while !unkeyed.isAtEnd { items.append(try unkeyed.decode(Node.self)) }
                self = .list(items)
                return
            }
            let single = try decoder.singleValueContainer()
            if single.decodeNil() {
                self = .scalar("null")
            } else if let flag = try? single.decode(Bool.self) {
                self = .scalar(String(flag))
            } else if let whole = try? single.decode(Int.self) {
                self = .scalar(String(whole))
            } else if let number = try? single.decode(Double.self) {
                self = .scalar(String(number))
            } else {
                self = .scalar(quoted(try single.decode(String.self)))
            }
        }
    }

    private struct AnyKey: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }

        init?(intValue: Int) { nil }
    }

    private static func lines(_ node: Node) -> [String] {
        switch node {
        case .scalar(let text): [text]
        case .list(let items) where items.isEmpty: ["[]"]
        case .map(let members) where members.isEmpty: ["{}"]
        case .list(let items):
            items.flatMap { item in
                lines(item).enumerated().map { ($0 == 0 ? "- " : "  ") + $1 }
            }
        case .map(let members): members.flatMap { member($0.key, $0.value) }
        }
    }

    private static func member(_ key: String, _ value: Node) -> [String] {
        switch value {
        case .list(let items) where !items.isEmpty: ["\(key):"] + lines(value)
        case .map(let members) where !members.isEmpty: ["\(key):"] + lines(value).map { "  " + $0 }
        case .scalar, .list, .map: ["\(key): " + lines(value).joined()]
        }
    }

    /// A plain scalar where that is unambiguous; otherwise a JSON string, which is valid YAML.
    private static func quoted(_ text: String) -> String {
        let isPlain =
            text.first.map { $0.isASCII && $0.isLetter } == true
            && text.unicodeScalars.allSatisfy { plainScalars.contains($0) } && !text.hasSuffix(" ")
            && !text.contains("  ") && !reserved.contains(text.lowercased())
        guard !isPlain else { return text }
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        return (try? encoder.encode(text)).map { Escape.jsonDocument(String(decoding: $0, as: UTF8.self)) } ?? "\"\""
    }

    private static let plainScalars = CharacterSet(
        charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./ ")
    private static let reserved: Set<String> = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
}
