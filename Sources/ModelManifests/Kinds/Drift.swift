/// What mlctl does with fields that others add to its objects in a cluster: a variable, a sidecar, a port.
///
/// Changes to fields that mlctl itself wrote are undone in any case.
package struct DriftPolicy: Hashable, Codable, Sendable {
    package enum Mode: String, CaseIterable, Codable, Sendable {
        /// The field is removed again.
        case undo
        /// The field stays, and the status names it.
        case report
        /// The field stays.
        case ignore
    }

    package var mode: Mode
    /// Fields that are left alone whatever the mode is.
    package var ignored: [ObjectFieldPath]

    package init(_ mode: Mode = .undo, ignoring ignored: [ObjectFieldPath] = []) {
        self.mode = mode
        self.ignored = ignored
    }
}

/// The path of fields in an object, such as `spec.template.spec.containers[*].env`. It includes everything below.
///
/// `[*]` stands for each element of a list, `[name=sidecar]` for the elements with that field value. A name with dots is
/// written as `["kubectl.kubernetes.io/restartedAt"]`.
package struct ObjectFieldPath: Hashable, Sendable, CustomStringConvertible {
    package enum Step: Hashable, Sendable {
        case field(String)
        case everyElement
        case element(key: String, value: String)
    }

    package let steps: [Step]
    package let description: String

    /// - Returns: nil where the text is not a path.
    package init?(_ text: String) {
        var steps: [Step] = []
        var rest = text[...]
        while !rest.isEmpty {
            if rest.first == "[" {
                guard let end = Self.end(ofBracket: rest),
                    let step = Self.step(inBrackets: rest[rest.index(after: rest.startIndex)..<end])
                else { return nil }
                steps.append(step)
                rest = rest[rest.index(after: end)...]
            } else {
                if !steps.isEmpty {
                    guard rest.first == "." else { return nil }
                    rest = rest.dropFirst()
                }
                let name = rest.prefix { $0 != "." && $0 != "[" }
                guard !name.isEmpty, !name.contains("]") else { return nil }
                steps.append(.field(String(name)))
                rest = rest[name.endIndex...]
            }
        }
        guard case .field? = steps.first else { return nil }
        self.steps = steps
        description = text
    }

    private static func end(ofBracket text: Substring) -> Substring.Index? {
        let inner = text.dropFirst()
        guard inner.first == "\"" else { return inner.firstIndex(of: "]") }
        guard let quote = inner.dropFirst().firstIndex(of: "\"") else { return nil }
        let end = inner.index(after: quote)
        return end < inner.endIndex && inner[end] == "]" ? end : nil
    }

    private static func step(inBrackets text: Substring) -> Step? {
        if text == "*" { return .everyElement }
        if text.hasPrefix("\"") { return text.count > 2 ? .field(String(text.dropFirst().dropLast())) : nil }
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
        return .element(key: String(parts[0]), value: String(parts[1]))
    }
}

extension ObjectFieldPath: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let path = ObjectFieldPath(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "'\(text)' is not a path of fields")
        }
        self = path
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
