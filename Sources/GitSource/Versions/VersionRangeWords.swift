import Foundation

/// The syntax of version ranges.
enum VersionRangeWords {
    private static let operators = [">=", "<=", "!=", "==", ">", "<", "=", "~>", "~", "^"]

    /// Splits `>= 1.2, <2` into `>=1.2` and `<2`; `1.2 - 1.4` is one word.
    static func words(of text: Substring) -> [String] {
        var words: [String] = []
        for word in text.split(whereSeparator: { $0 == " " || $0 == "," }).map({ String($0) }) {
            let joins = words.last.map { operators.contains($0) || $0.hasSuffix(" - ") } ?? false
            if joins {
                words[words.count - 1] += word
            } else if word == "-", let last = words.last, last.first?.isNumber == true || last.first == "v" {
                words[words.count - 1] += " - "
            } else {
                words.append(word)
            }
        }
        return words
    }

    /// A version in which numbers may be missing.
    struct Partial {
        var numbers: [UInt64] = []
        var preRelease: [SemanticVersion.Identifier] = []

        init?(_ text: Substring) {
            let bare = text.hasPrefix("v") || text.hasPrefix("V") ? text.dropFirst() : text[...]
            let whole = bare.prefix { $0 != "+" }
            let pieces = whole.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
            guard let core = pieces.first else { return nil }
            let parts = core.split(separator: ".", omittingEmptySubsequences: false)
            guard (1...3).contains(parts.count) else { return nil }
            for (index, part) in parts.enumerated() {
                if ["x", "X", "*"].contains(part) {
                    guard parts[index...].allSatisfy({ ["x", "X", "*"].contains($0) }) else { return nil }
                    break
                }
                guard let number = SemanticVersion.number(part), number < UInt64.max else { return nil }
                numbers.append(number)
            }
            if pieces.count == 2 {
                guard numbers.count == 3, let identifiers = SemanticVersion.preRelease(pieces[1]) else { return nil }
                preRelease = identifiers
            }
        }

        /// The lowest version that it matches.
        var first: SemanticVersion {
            let full = numbers + [0, 0, 0]
            return SemanticVersion(full[0], full[1], full[2], preRelease)
        }

        /// The lowest version, including pre-releases, after the number at `index` was increased by 1; nil if there is none.
        func after(raising index: Int) -> SemanticVersion? {
            guard numbers.indices.contains(index) else { return nil }
            let raised = Array(numbers[..<index]) + [numbers[index] + 1, 0, 0, 0]
            return SemanticVersion(raised[0], raised[1], raised[2], [.number("0")])
        }

        /// The lowest version above all that it matches.
        var next: SemanticVersion? {
            preRelease.isEmpty
                ? after(raising: numbers.count - 1)
                : SemanticVersion(numbers[0], numbers[1], numbers[2], preRelease + [.number("0")])
        }
    }

    struct Term {
        var interval: VersionRange.Interval
        var namesPreRelease: Bool

        init?(_ word: String) {
            let sides = word.components(separatedBy: " - ")
            if sides.count == 2 {
                guard let low = Partial(Substring(sides[0])), let high = Partial(Substring(sides[1])) else {
                    return nil
                }
                interval = VersionRange.Interval(lower: low.first, upper: high.next)
                namesPreRelease = !low.preRelease.isEmpty || !high.preRelease.isEmpty
                return
            }
            let sign = operators.first { word.hasPrefix($0) } ?? ""
            guard let version = Partial(word.dropFirst(sign.count)) else { return nil }
            namesPreRelease = !version.preRelease.isEmpty
            guard let interval = Self.interval(sign, version) else { return nil }
            self.interval = interval
        }

        private static func interval(_ sign: String, _ version: Partial) -> VersionRange.Interval? {
            let first = version.numbers.isEmpty ? nil : version.first
            switch sign {
            case ">=": return VersionRange.Interval(lower: first, upper: nil)
            case ">": return version.numbers.isEmpty ? nil : VersionRange.Interval(lower: version.next, upper: nil)
            case "<":
                guard let first else { return nil }
                return VersionRange.Interval(
                    lower: nil, upper: version.preRelease.isEmpty ? first.firstPreRelease : first)
            case "<=": return VersionRange.Interval(lower: nil, upper: version.next)
            case "!=":
                return version.numbers.isEmpty
                    ? nil : VersionRange.Interval(lower: first, upper: version.next, isInside: false)
            case "~", "~>":
                let upper = version.after(raising: min(1, version.numbers.count - 1))
                return VersionRange.Interval(lower: first, upper: upper)
            case "^":
                // Up to the next increase of the first number that is not 0.
                let leading = version.numbers.firstIndex { $0 > 0 } ?? version.numbers.count - 1
                return VersionRange.Interval(lower: first, upper: version.after(raising: leading))
            default: return VersionRange.Interval(lower: first, upper: version.next)
            }
        }
    }
}

extension SemanticVersion {
    /// The lowest pre-release of this version.
    var firstPreRelease: SemanticVersion { SemanticVersion(major, minor, patch, [.number("0")]) }
}
