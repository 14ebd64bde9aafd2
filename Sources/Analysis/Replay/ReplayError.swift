import Foundation

/// A line that `mlctl replay` cannot read.
package struct ReplayError: Error, Hashable, Sendable, CustomStringConvertible {
    /// From 1.
    package var line: Int
    package var message: String

    package var description: String { "line \(line): \(message)" }

    init(line: Int, _ error: any Error) {
        self.line = line
        message = Self.explain(error)
    }

    init(line: Int, message: String) {
        self.line = line
        self.message = message
    }

    /// The problem with one value of a side whose other values are valid. The caller adds the value's name.
    static func valueErrorText(_ error: any Error, in side: any Decoder) -> String {
        let whole = "is not a whole number"
        switch error {
        case DecodingError.dataCorrupted(let context) where context.codingPath.last?.stringValue == "latency":
            return "cannot be read: \(context.debugDescription)"
        case DecodingError.typeMismatch(_, let context), DecodingError.dataCorrupted(let context):
            let within = context.codingPath.dropFirst(side.codingPath.count + 1).map(\.stringValue)
            return within.isEmpty ? whole : "holds \"\(within.joined(separator: "."))\", which \(whole)"
        default: return whole
        }
    }

    private static func explain(_ error: any Error) -> String {
        func path(_ context: DecodingError.Context, _ key: (any CodingKey)? = nil) -> String {
            (context.codingPath + [key].compactMap { $0 }).map(\.stringValue).joined(separator: ".")
        }
        switch error {
        case DecodingError.keyNotFound(let key, let context): return "\"\(path(context, key))\" is missing"
        case DecodingError.valueNotFound(_, let context): return "\"\(path(context))\" is null"
        case DecodingError.typeMismatch(let type, let context):
            let isNumber = type is any BinaryInteger.Type || type is any BinaryFloatingPoint.Type
            let wanted = isNumber ? "a number" : type is String.Type ? "text" : "an object"
            return context.codingPath.isEmpty
                ? "not a JSON object" : "\"\(path(context))\" should be \(wanted)"
        case DecodingError.dataCorrupted(let context):
            return context.codingPath.isEmpty
                ? "not a JSON object; write one object per line" : "\"\(path(context))\": \(context.debugDescription)"
        default: return "not a JSON object; write one object per line"
        }
    }
}
