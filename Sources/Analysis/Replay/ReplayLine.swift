import Foundation

/// One line of recorded metrics: cumulative counters of both sides at one time of one stream.
public struct ReplayLine: Decodable, Hashable, Sendable {
    public var stream: String
    /// Seconds.
    public var t: Double
    /// Nil where that side was not read.
    public var stable: ReplaySide?
    public var candidate: ReplaySide?
}

/// A side's counters; nil where the recording has none. Further metrics beside them are passed over.
public struct ReplaySide: Decodable, Hashable, Sendable {
    public var requests: Int?
    public var errors: Int?
    public var rejected: Int?
    /// Requests at or under each bound in seconds, `+Inf` among them.
    public var latency: ReplayLatency?
}

/// `{"0.1": 900, "0.25": 940, "+Inf": 950}`: cumulative buckets, as Prometheus has them.
public struct ReplayLatency: Decodable, Hashable, Sendable {
    public var bounds: [Double]
    /// One for each bound, and the total at the end.
    public var buckets: [Int]

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        var total: Int?
        var finite: [(bound: Double, count: Int)] = []
        for (key, count) in try container.decode([String: Int].self) {
            guard let bound = Double(key), !bound.isNaN else {
                throw DecodingError.dataCorruptedError(
                    in: container, debugDescription: "latency bound \"\(key)\" is not a number of seconds or +Inf")
            }
            if bound == .infinity { total = count } else { finite.append((bound, count)) }
        }
        finite.sort { $0.bound < $1.bound }
        bounds = finite.map(\.bound)
        buckets = finite.map(\.count)
        if let last = total ?? buckets.last { buckets.append(last) }
    }
}

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
