/// Durations in Go's notation: `90s`, `5m`, `1h30m`, `500ms`, `0`.
///
/// Source: the Go documentation of `time.ParseDuration`. Signs are not allowed, because no setting takes a negative duration.
enum GoDuration {
    struct Problem: Error, Hashable {
        var message: String
        var suggestion: String?
    }

    /// Longer than any wait, and far below the largest `Duration`.
    static let longest = Duration.seconds(10 * 365 * 24 * 3600)

    /// Long enough for every duration. The API server needs a bound on the length of a text.
    static let limitBytes = 64
    static let pattern = "^(0|(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$"

    private static let unitNanoseconds: [String: Int128] = [
        "ns": 1, "us": 1_000, "µs": 1_000, "μs": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000,
        "h": 3_600_000_000_000,
    ]

    /// Parses a duration exactly, to the attosecond.
    static func parse(_ text: String) throws(Problem) -> Duration {
        if text == "0" { return .zero }
        guard !text.isEmpty else { throw Problem(message: "is empty", suggestion: "write a duration such as 30s") }
        guard !text.hasPrefix("-") else { throw Problem(message: "must not be negative") }
        var rest = text[...]
        var attoseconds: Int128 = 0
        while !rest.isEmpty {
            let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            rest = rest.dropFirst(number.count)
            let unit = rest.prefix { !($0.isASCII && ($0.isNumber || $0 == ".")) }
            rest = rest.dropFirst(unit.count)
            guard let decimal = ExactDecimal(number) else { throw notADuration(text) }
            guard let nanoseconds = unitNanoseconds[String(unit)] else {
                throw unknownUnit(String(unit), number: number, in: text)
            }
            guard let part = decimal.times(nanoseconds * 1_000_000_000) else {
                throw Problem(message: "'\(text.shortened)' is more precise than an attosecond")
            }
            // Checks the part before adding it, because the sum could overflow.
            if part <= longest.wholeAttoseconds { attoseconds += part }
            guard part <= longest.wholeAttoseconds, attoseconds <= longest.wholeAttoseconds else {
                throw Problem(message: "'\(text.shortened)' is too long", suggestion: "use at most ten years")
            }
        }
        let perSecond: Int128 = 1_000_000_000_000_000_000
        return Duration(
            secondsComponent: Int64(attoseconds / perSecond), attosecondsComponent: Int64(attoseconds % perSecond))
    }

    private static func notADuration(_ text: String) -> Problem {
        Problem(
            message: "'\(text.shortened)' is not a duration", suggestion: "write it as 500ms, 90s, 5m or 1h30m")
    }

    private static func unknownUnit(_ unit: String, number: Substring, in text: String) -> Problem {
        switch unit {
        case "":
            return Problem(
                message: "'\(text.shortened)' has no unit", suggestion: "did you mean '\(text.shortened)s'?")
        case "d", "day", "days":
            return Problem(
                message: "'\(text.shortened)' is in days, but durations have no unit for days",
                suggestion: Int(number).flatMap { days in days < 4000 ? "did you mean '\(days * 24)h'?" : nil })
        case "sec", "secs", "second", "seconds", "S": return meant(text, "\(number)s")
        case "min", "mins", "minute", "minutes", "M": return meant(text, "\(number)m")
        case "hr", "hrs", "hour", "hours", "H": return meant(text, "\(number)h")
        default: return notADuration(text)
        }
    }

    private static func meant(_ text: String, _ wanted: String) -> Problem {
        Problem(message: "'\(text.shortened)' is not a duration", suggestion: "did you mean '\(wanted)'?")
    }
}

extension Duration {
    fileprivate var wholeAttoseconds: Int128 {
        Int128(components.seconds) * 1_000_000_000_000_000_000 + Int128(components.attoseconds)
    }

    /// The duration in Go's notation, for messages: `1h30m`; 90 s is `1m30s`, zero is `0s`.
    package var goText: String {
        guard self != .zero else { return "0s" }
        let (seconds, attoseconds) = components
        var text = ""
        if seconds >= 3600 { text += "\(seconds / 3600)h" }
        if seconds / 60 % 60 > 0 { text += "\(seconds / 60 % 60)m" }
        if seconds % 60 > 0 { text += "\(seconds % 60)s" }
        let microseconds = attoseconds / 1_000_000_000_000
        if microseconds % 1000 == 0, microseconds > 0 { return text + "\(microseconds / 1000)ms" }
        if microseconds > 0 { return text + "\(microseconds)us" }
        // Nanoseconds are shown only where the duration is shorter than a microsecond.
        let nanoseconds = attoseconds / 1_000_000_000
        return text.isEmpty ? nanoseconds > 0 ? "\(nanoseconds)ns" : "0s" : text
    }
}

extension Duration {
    /// Parses a duration as written in manifests and on the command line: `500ms`, `90s`, `5m`, `1h30m`.
    /// - Returns: nil for any other text.
    package init?(goText text: String) {
        guard let duration = try? GoDuration.parse(text) else { return nil }
        self = duration
    }
}
