import Foundation

/// Times as RFC 3339 has them, in UTC: `2026-11-20T09:30:00.250Z`.
///
/// Foundation's formatters are not used, because they round some milliseconds down, and read either times with fractions or times
/// without, but not both.
package enum RFC3339 {
    /// With milliseconds.
    package static func text(_ date: Date) -> String { text(date, perSecond: 1000, digits: 3) }

    /// With microseconds, as Kubernetes has a `MicroTime`.
    package static func microText(_ date: Date) -> String { text(date, perSecond: 1_000_000, digits: 6) }

    private static func text(_ date: Date, perSecond: Int, digits: Int) -> String {
        let first = -62_135_596_800 * perSecond  // 0001-01-01
        let last = 253_402_300_800 * perSecond - 1  // 9999-12-31
        let units = (date.timeIntervalSince1970 * Double(perSecond)).rounded()
        let total = Int(exactly: min(max(units, Double(first)), Double(last))).map { min($0, last) } ?? first
        let perDay = 86_400 * perSecond
        let ofDay = ((total % perDay) + perDay) % perDay
        let (year, month, day) = civil(fromDays: (total - ofDay) / perDay)
        let seconds = ofDay / perSecond
        let clock = [seconds / 3600, seconds / 60 % 60, seconds % 60].map { padded($0, 2) }
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
            + "T\(clock.joined(separator: ":")).\(padded(ofDay % perSecond, digits))Z"
    }

    /// Parses a time with a fraction of any length, or none, and with `Z` or an offset. Nil if the text is not a time.
    package static func date(_ text: String) -> Date? {
        var scanner = Scanner(bytes: Array(text.utf8))
        guard let year = scanner.digits(4), scanner.take("-"), let month = scanner.digits(2), scanner.take("-"),
            let day = scanner.digits(2), scanner.take("T") || scanner.take("t") || scanner.take(" "),
            let hour = scanner.digits(2), scanner.take(":"), let minute = scanner.digits(2), scanner.take(":"),
            let second = scanner.digits(2), let fraction = scanner.fraction(), let offset = scanner.offsetSeconds(),
            scanner.isAtEnd
        else { return nil }
        guard (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second <= 60 else { return nil }
        let seconds = days(year: year, month: month, day: day) * 86_400 + hour * 3600 + minute * 60 + second - offset
        return Date(timeIntervalSince1970: Double(seconds) + fraction)
    }

    private static func padded(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    /// Howard Hinnant, "chrono-compatible low-level date algorithms": days since 1970-01-01, proleptic Gregorian.
    private static func days(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    private static func civil(fromDays days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthIndex = (5 * dayOfYear + 2) / 153
        let month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9
        let day = dayOfYear - (153 * monthIndex + 2) / 5 + 1
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    private struct Scanner {
        let bytes: [UInt8]
        var index = 0

        var isAtEnd: Bool { index == bytes.count }

        mutating func take(_ character: Character) -> Bool {
            guard index < bytes.count, bytes[index] == character.asciiValue else { return false }
            index += 1
            return true
        }

        mutating func digits(_ count: Int) -> Int? {
            guard index + count <= bytes.count else { return nil }
            var number = 0
            for byte in bytes[index..<index + count] {
                guard (48...57).contains(byte) else { return nil }
                number = number * 10 + Int(byte - 48)
            }
            index += count
            return number
        }

        mutating func fraction() -> Double? {
            guard take(".") else { return 0 }
            var value = 0.0
            var scale = 1.0
            let start = index
            while let digit = digits(1) {
                scale *= 10
                if scale <= 1e9 { value = value * 10 + Double(digit) } else { scale /= 10 }
            }
            return index > start ? value / scale : nil
        }

        mutating func offsetSeconds() -> Int? {
            if take("Z") || take("z") { return 0 }
            let isWest = take("-")
            guard isWest || take("+") else { return nil }
            guard let hours = digits(2), take(":"), let minutes = digits(2), hours < 24, minutes < 60 else {
                return nil
            }
            return (hours * 60 + minutes) * (isWest ? -60 : 60)
        }
    }
}
