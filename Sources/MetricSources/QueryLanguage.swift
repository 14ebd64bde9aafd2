import ModelManifests
import SafeText

/// The language that a source is asked in: what a value becomes at its place in a question.
///
/// Values come from manifests that others may write than those who wrote the question (a shared GateTemplate): none of them
/// may change what is asked.
enum QueryLanguage: Hashable, Sendable {
    case promQL
    /// `queue_depth{model="a"}`
    case selector
    /// `results[0].value`
    case jsonPath
    /// Given to a program as it is, in one variable.
    case text
    /// A part of a URL.
    case url

    /// - Parameter value: of a placeholder; nil leaves it as it is written.
    /// - Throws: `SourceError` where a value cannot stand at its place, and what `value` throws.
    func fill(_ template: String, _ value: (String) throws -> String?) throws -> String {
        var scanner = PromQLScanner()
        return try QueryTemplate(template).filled(
            { name in
                guard let value = try value(name) else { return nil }
                guard let filled = fill(value, at: scanner.place) else { throw refusal(name, value) }
                return filled
            }, reading: { scanner.read($0) })
    }

    private func fill(_ value: String, at place: PromQLPlace) -> String? {
        switch (self, place) {
        case (.promQL, _): place.fill(value)
        case (.selector, .string(quote: "\"")): Escape.expositionLabel(value)
        case (.selector, .code): place.fill(value)
        case (.selector, _): nil
        case (.jsonPath, _): Self.isMember(value) ? value : nil
        case (.text, _): value.unicodeScalars.contains("\0") ? nil : value
        case (.url, _): Escape.uriPart(value)
        }
    }

    /// One member's name, and not several.
    private static func isMember(_ value: String) -> Bool {
        !value.isEmpty
            && value.unicodeScalars.allSatisfy { scalar in
                scalar.value > 0x20 && scalar.value != 0x7F && !".[]\"'".unicodeScalars.contains(scalar)
            }
    }

    private func refusal(_ name: String, _ value: String) -> SourceError {
        let shown = Escape.line(String(value.prefix(80)))
        let advice =
            switch self {
            case .promQL, .selector: "write it within double quotes: label=\"{{\(name)}}\""
            case .jsonPath: "it has to be one member's name there, without . and [ ]"
            case .text, .url: "take the NUL out of it"
            }
        return SourceError(
            .misasked, "{{\(name)}} is '\(shown)' here, which would change the query where it stands: \(advice)")
    }
}
