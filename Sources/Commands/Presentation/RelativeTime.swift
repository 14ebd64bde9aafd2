import ControlAPI
import Foundation

/// Times relative to now: `3m ago`, `in 27m`.
enum RelativeTime {
    static func text(_ date: Date, now: Date) -> String {
        let seconds = Int(now.timeIntervalSince(date).rounded(.towardZero))
        return switch seconds {
        case 0: "now"
        case ..<0: "in \(span(seconds: -seconds))"
        default: "\(span(seconds: seconds)) ago"
        }
    }

    /// The time in UTC, to the second, for permanent output.
    static func clock(_ date: Date) -> String {
        String(RFC3339.text(date).prefix(19)) + "Z"
    }

    /// A time span in one unit: `59s`, `3m`, `47h`, `2d`.
    static func span(seconds: Int) -> String {
        switch seconds {
        case ..<60: "\(seconds)s"
        case ..<3600: "\(seconds / 60)m"
        case ..<(48 * 3600): "\(seconds / 3600)h"
        default: "\(seconds / 86_400)d"
        }
    }
}
