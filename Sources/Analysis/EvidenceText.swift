import Foundation
import RealModule

/// Numbers as text, the same in every locale.
enum EvidenceText {
    /// 9180 → "9,180".
    static func count(_ number: Int) -> String {
        let digits = Array(String(abs(number)))
        var text = number < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return text
    }

    /// 1 → "1 sample", 2000 → "2,000 samples".
    static func count(_ number: Int, _ noun: String) -> String {
        "\(count(number)) \(noun)\(number == 1 ? "" : "s")"
    }

    /// For counts that were added up as real numbers.
    static func count(_ number: Double) -> String { count(Int(countable: number)) }

    /// Three significant digits, without trailing zeros: 0.25, 1.5, 12, 1234.
    static func number(_ value: Double) -> String {
        guard value.isFinite else { return "unbounded" }
        guard value != 0 else { return "0" }
        let magnitude = Int(Double.log10(abs(value)).rounded(.down))
        let scale = Double.pow(10, max(0, 2 - magnitude))
        let rounded = (value * scale).rounded() / scale
        return rounded == rounded.rounded() && abs(rounded) < 1e15 ? String(Int(rounded)) : "\(rounded)"
    }

    static func percent(_ share: Double) -> String { "\(number(share * 100)) %" }

    static func seconds(_ seconds: Double) -> String { "\(number(seconds)) s" }

    static func milliseconds(_ seconds: Double) -> String { "\(number(seconds * 1000)) ms" }

    /// 1234567 → "1.18 MiB".
    static func bytes(_ bytes: Double) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB"]
        var (value, unit) = (bytes, 0)
        while abs(value) >= 1024, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        return "\(number(unit == 0 ? value.rounded() : value)) \(units[unit])"
    }

    /// ln 400 → "400 to 1", although its exponential is slightly smaller than 400.
    static func odds(_ logEvidence: Double) -> String {
        let evidence = Double.exp(min(logEvidence, 700))
        if evidence > 1e6 { return "over a million to 1" }
        return evidence < 2 ? "\(number(max(1, evidence))) to 1" : "\(count(Int(evidence * (1 + 1e-9)))) to 1"
    }

    /// "being within tolerance", ln 400 → "400 to 1 against being within tolerance".
    static func conclusion(_ what: String, _ logEvidence: Double) -> String {
        let odds = odds(logEvidence)
        return odds == "1 to 1" ? "no evidence against \(what)" : "\(odds) against \(what)"
    }

    static func share(_ part: Int, of whole: Int) -> String {
        whole > 0 ? percent(Double(part) / Double(whole)) : "none"
    }
}

extension Int {
    /// The whole part of a count that was added up as a real number, which may be too large for an integer.
    init(countable number: Double) { self = number < 1e15 ? Int(Swift.max(number, 0)) : 1_000_000_000_000_000 }
}
