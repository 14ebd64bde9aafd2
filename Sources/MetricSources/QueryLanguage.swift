import ModelManifests
import SafeText

/// The language of a query. It decides how a value is escaped where it is inserted.
///
/// Values come from manifests. Their authors may be other people than the author of the query (a shared GateTemplate), so a value
/// must never change the meaning of the query.
enum QueryLanguage: Hashable, Sendable {
    case promQL
    /// `queue_depth{model="a"}`
    case selector
    /// `results[0].value`
    case jsonPath
    /// Passed to a program unchanged, in one environment variable.
    case text
    /// A part of a URL.
    case url

    /// - Parameter value: the value of a placeholder; nil leaves the placeholder as written.
    /// - Throws: `SourceError` if a value cannot be inserted safely; whatever `value` throws.
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

    /// Whether the text is the name of exactly one member.
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
            case .promQL, .selector: "put it in double quotes: label=\"{{\(name)}}\""
            case .jsonPath: "here it must be the name of one member, without . and [ ]"
            case .text, .url: "remove the NUL character"
            }
        return SourceError(
            .invalidQuery, "{{\(name)}} is '\(shown)' here, which would change the query: \(advice)")
    }
}
