import Foundation

/// A line that is not what `mlctl replay` reads.
public struct ReplayError: Error, Hashable, Sendable, CustomStringConvertible {
    /// From 1.
    public var line: Int
    public var message: String

    public var description: String { "line \(line): \(message)" }

    init(line: Int, _ error: any Error) {
        self.line = line
        message = Self.explain(error)
    }

    init(line: Int, message: String) {
        self.line = line
        self.message = message
    }

    private static func explain(_ error: any Error) -> String {
        func path(_ context: DecodingError.Context, _ key: (any CodingKey)? = nil) -> String {
            (context.codingPath + [key].compactMap { $0 }).map(\.stringValue).joined(separator: ".")
        }
        switch error {
        case DecodingError.keyNotFound(let key, let context): return "\"\(path(context, key))\" is missing"
        case DecodingError.valueNotFound(_, let context): return "\"\(path(context))\" is null"
        case DecodingError.typeMismatch(let type, let context):
            let wanted = type is any BinaryInteger.Type || type is any BinaryFloatingPoint.Type ? "a number" : "\(type)"
            return context.codingPath.isEmpty
                ? "not a JSON object" : "\"\(path(context))\" should be \(wanted)"
        case DecodingError.dataCorrupted(let context):
            return context.codingPath.isEmpty
                ? "not a JSON object; one object a line is read" : "\"\(path(context))\": \(context.debugDescription)"
        default: return "not a JSON object; one object a line is read"
        }
    }
}
