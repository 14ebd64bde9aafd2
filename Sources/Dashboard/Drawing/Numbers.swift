import Foundation

/// Numbers and time spans as the pages show them.
enum Numbers {
    /// 9180 → `9,180`.
    static func count(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "–" }
        var text = ""
        let digits = String(Int(abs(value).rounded()))
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return value < 0 ? "-\(text)" : text
    }

    static func count(_ value: Int) -> String { count(Double(value)) }

    /// Three significant digits: 0.0123 → `1.23 %`.
    static func percent(_ share: Double) -> String { "\(significant(share * 100)) %" }

    static func significant(_ value: Double) -> String {
        guard value.isFinite else { return "–" }
        guard value != 0 else { return "0" }
        let places = max(0, 2 - Int(log10(abs(value)).rounded(.down)))
        let scale = pow(10, Double(min(places, 9)))
        let rounded = (value * scale).rounded() / scale
        return rounded == rounded.rounded() && abs(rounded) < 1e15 ? count(rounded) : "\(rounded)"
    }

    /// 0.25 → `250 ms`.
    static func seconds(_ seconds: Double) -> String {
        seconds < 1 ? "\(significant(seconds * 1_000)) ms" : "\(significant(seconds)) s"
    }

    /// The odds of a natural logarithm: `222 to 1`.
    static func odds(_ log: Double) -> String {
        let value = exp(min(max(log, 0), 700))
        if value > 1e6 { return "over a million to 1" }
        return value < 10 ? "\(significant(value)) to 1" : "\(count((value * (1 + 1e-9)).rounded(.down))) to 1"
    }

    /// A time span in two units: `2 h 05 min`, `1 min 20 s`, `4.2 s`.
    static func span(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0 else { return "–" }
        if seconds > 0, seconds < 1 { return "\(Int((seconds * 1000).rounded())) ms" }
        if seconds < 10 {
            let tenths = (seconds * 10).rounded() / 10
            return tenths == tenths.rounded() ? "\(Int(tenths)) s" : "\(tenths) s"
        }
        let whole = Int(min(seconds, 1e12).rounded())
        return switch whole {
        case ..<60: "\(whole) s"
        case ..<3600: "\(whole / 60) min" + (whole % 60 == 0 ? "" : " \(padded(whole % 60)) s")
        case ..<(48 * 3600): "\(whole / 3600) h" + (whole % 3600 < 60 ? "" : " \(padded(whole % 3600 / 60)) min")
        default: "\(whole / 86_400) d" + (whole % 86_400 < 3600 ? "" : " \(whole % 86_400 / 3600) h")
        }
    }

    private static func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

/// The 95 % interval of a share after Wilson (1927). It shows people how precisely a rate is known, at one look, if requests do
/// not depend on each other. Gates decide by their odds and not by it.
struct WilsonInterval: Equatable {
    var low: Double
    var high: Double

    init(hits: Double, of count: Double) {
        guard count > 0, hits >= 0, hits <= count else {
            (low, high) = (0, 1)
            return
        }
        let z = 1.959964
        let share = hits / count
        let centre = share + z * z / (2 * count)
        let half = z * (share * (1 - share) / count + z * z / (4 * count * count)).squareRoot()
        let whole = 1 + z * z / count
        low = max(0, (centre - half) / whole)
        high = min(1, (centre + half) / whole)
    }
}

/// A linear scale from values to places in a drawing.
struct Scale {
    var from: ClosedRange<Double>
    var to: (Double, Double)

    func callAsFunction(_ value: Double) -> Double {
        let span = from.upperBound - from.lowerBound
        guard span > 0 else { return to.0 }
        let share = (min(max(value, from.lowerBound), from.upperBound) - from.lowerBound) / span
        return to.0 + share * (to.1 - to.0)
    }

    /// Round values over the range, at most `most` of them.
    func ticks(most: Int) -> [Double] {
        let magnitude = pow(10, log10(max(span / Double(max(most, 1)), 1e-12)).rounded(.down))
        return ticks(most: most, steps: [1.0, 2, 5, 10].map { $0 * magnitude })
    }

    /// The same for seconds: steps of whole minutes, hours and days.
    func timeTicks(most: Int) -> [Double] {
        let steps: [Double] = [60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400]
        guard span > 60 * Double(most) / 2 else { return ticks(most: most) }
        let days = (1...12).map { 86_400 * pow(2, Double($0)) }
        return ticks(most: most, steps: steps + days)
    }

    private var span: Double { from.upperBound - from.lowerBound }

    private func ticks(most: Int, steps: [Double]) -> [Double] {
        guard span > 0, most > 0 else { return [] }
        let raw = span / Double(most)
        let step = steps.first { $0 >= raw * 0.999 } ?? raw
        let first = (from.lowerBound / step).rounded(.up)
        let last = (from.upperBound / step + 1e-9).rounded(.down)
        guard last >= first else { return [] }
        return stride(from: first, through: last, by: 1).map { $0 * step }
    }
}
