import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// A parsed label selector and field selector.
struct Selection: Hashable, Sendable {
    private enum Requirement: Hashable, Sendable {
        case isIn([String])
        case notIn([String])
        case exists
        case absent
    }

    private var labels: [(name: String, requirement: Requirement)] = []
    private var fields: [(path: [String], value: String, equal: Bool)] = []

    static func == (left: Selection, right: Selection) -> Bool { left.text == right.text }
    func hash(into hasher: inout Hasher) { hasher.combine(text) }
    private let text: [String?]

    /// - Throws: a refusal if it cannot be parsed.
    init(labels labelSelector: String?, fields fieldSelector: String?) throws {
        text = [labelSelector, fieldSelector]
        for part in Self.parts(labelSelector ?? "") { labels.append(try Self.requirement(part)) }
        for part in Self.parts(fieldSelector ?? "") { fields.append(try Self.field(part)) }
    }

    func matches(_ object: StoredObject) -> Bool {
        let found = object.labels
        let labelsMatch = labels.allSatisfy { name, requirement in
            switch requirement {
            case .isIn(let values): found[name].map { values.contains($0) } ?? false
            case .notIn(let values): found[name].map { !values.contains($0) } ?? true
            case .exists: found[name] != nil
            case .absent: found[name] == nil
            }
        }
        return labelsMatch
            && fields.allSatisfy { path, value, equal in
                var found: JSONValue? = object.json
                for name in path { found = found?[field: name] }
                return ((found?.text ?? "") == value) == equal
            }
    }

    /// Splits at commas outside parentheses.
    private static func parts(_ text: String) -> [String] {
        var (parts, depth) = ([""], 0)
        for character in text {
            if character == "(" { depth += 1 }
            if character == ")" { depth -= 1 }
            if character == ",", depth == 0 {
                parts.append("")
            } else {
                parts[parts.count - 1].append(character)
            }
        }
        return parts.map { String($0.trimmed) }.filter { !$0.isEmpty }
    }

    private static func requirement(_ part: String) throws -> (String, Requirement) {
        for (sign, isEqual) in [("!=", false), ("==", true), ("=", true)] {
            guard let (name, value) = part.halves(at: sign) else { continue }
            return (name, isEqual ? .isIn([value]) : .notIn([value]))
        }
        let words = part.split(separator: " ", maxSplits: 1).map(String.init)
        for (word, isIn) in [("notin", false), ("in", true)] where words.count == 2 && words[1].hasPrefix(word) {
            let list = words[1].dropFirst(word.count).trimmed
            guard list.hasPrefix("("), list.hasSuffix(")") else { break }
            let values = list.dropFirst().dropLast().split(separator: ",").map { String($0.trimmed) }
            return (words[0], isIn ? .isIn(values) : .notIn(values))
        }
        guard words.count == 1 else {
            throw Refusal.badRequest(
                "unable to parse requirement: found '\(words[1])', expected: in, notin, =, ==, !=, gt, lt")
        }
        return part.hasPrefix("!") ? (String(part.dropFirst()), .absent) : (part, .exists)
    }

    /// The fields that `kubectl` and controllers select by; a custom type supports only the first two.
    private static let knownFields = [
        "metadata.name", "metadata.namespace", "status.phase", "spec.nodeName", "regarding.name", "regarding.kind",
        "regarding.namespace", "regarding.uid", "reason", "type",
    ]

    private static func field(_ part: String) throws -> ([String], String, Bool) {
        for (sign, isEqual) in [("!=", false), ("==", true), ("=", true)] {
            guard let (name, value) = part.halves(at: sign) else { continue }
            guard knownFields.contains(name) else {
                throw Refusal.badRequest(
                    "\"\(name)\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
            }
            return (name.split(separator: ".").map(String.init), value, isEqual)
        }
        throw Refusal.badRequest("invalid selector: '\(part)'; can't understand '\(part)'")
    }
}

extension StringProtocol {
    fileprivate var trimmed: SubSequence {
        var text = self[...]
        while text.first == " " { text = text.dropFirst() }
        while text.last == " " { text = text.dropLast() }
        return text
    }

    fileprivate func halves(at sign: String) -> (String, String)? {
        guard let range = self.range(of: sign) else { return nil }
        return (String(self[..<range.lowerBound].trimmed), String(self[range.upperBound...].trimmed))
    }
}
