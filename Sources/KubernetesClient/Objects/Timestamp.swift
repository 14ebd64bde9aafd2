import Foundation

/// Times in the format of the API (RFC 3339).
enum Timestamp {
    /// `2026-11-21T12:00:00.000000Z`, a `MicroTime`.
    static func micro(_ date: Date) -> String {
        let whole = date.timeIntervalSince1970.rounded(.down)
        let micros = Int((date.timeIntervalSince1970 - whole) * 1_000_000)
        let seconds = Date(timeIntervalSince1970: whole).formatted(.iso8601)
        let digits = String(micros)
        return seconds.dropLast() + "." + String(repeating: "0", count: max(6 - digits.count, 0)) + digits + "Z"
    }

    static func date(_ text: String) -> Date? {
        (try? Date(text, strategy: .iso8601))
            ?? (try? Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
    }
}
