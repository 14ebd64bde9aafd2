import ControlPorts
import Foundation
import JSON
import SafeText
import Yams

/// Writes JSON as YAML, for `-o yaml`: block style, sorted keys. Strings are quoted where YAML could read them as another
/// type.
package enum YAMLText {
    package static func render(json: Data) throws -> String {
        // Wide enough for any line: a text is never folded.
        let text = try serialize(node: node(try JSONValue(parsing: json)), width: -1, allowUnicode: true)
        return Escape.jsonDocument(text)
    }

    private static func node(_ value: JSONValue) -> Node {
        switch value {
        case .null: .scalar(Node.Scalar("null", Tag(.null)))
        case .bool(let flag): .scalar(Node.Scalar(String(flag), Tag(.bool)))
        case .integer(let number): .scalar(Node.Scalar(String(number), Tag(.int)))
        case .number(let number): .scalar(Node.Scalar(String(number), Tag(.float)))
        case .string(let text): node(text)
        case .array(let items): .sequence(Node.Sequence(items.map(node)))
        case .object(let members):
            .mapping(
                Node.Mapping(members.sorted { $0.key < $1.key }.map { (node($0.key), node($0.value)) }))
        }
    }

    /// A plain scalar where that is unambiguous; otherwise a JSON string, which is valid YAML.
    private static func node(_ text: String) -> Node {
        let isPlain =
            text.first.map { $0.isASCII && $0.isLetter } == true
            && text.unicodeScalars.allSatisfy { plainScalars.contains($0) } && !text.hasSuffix(" ")
            && !text.contains("  ") && !reserved.contains(text.lowercased())
        return .scalar(Node.Scalar(text, Tag(.str), isPlain ? .plain : .doubleQuoted))
    }

    private static let plainScalars = CharacterSet(
        charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./ ")
    private static let reserved: Set<String> = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
}

package enum OutputFormat: String, CaseIterable, Sendable {
    case table, wide, json, yaml

    /// Nil for tables, which the commands draw themselves.
    package func document(_ value: some Encodable) throws -> String? {
        switch self {
        case .table, .wide: nil
        case .json:
            Escape.jsonDocument(String(decoding: try APICoding.encode(value, pretty: true), as: UTF8.self)) + "\n"
        case .yaml: try YAMLText.render(json: APICoding.encode(value))
        }
    }
}
