import Foundation

/// The samples of a metrics page that are asked for, from Prometheus' text format 0.0.4 or OpenMetrics 1.0.
///
/// Time stamps, exemplars and help are passed over, and so is a line that is none, unless it begins with a name that is
/// asked for. Formats: https://prometheus.io/docs/instrumenting/exposition_formats/ and
/// https://prometheus.io/docs/specs/om/open_metrics_spec/.
struct ExpositionText: Hashable, Sendable {
    struct Sample: Hashable, Sendable {
        var name: String
        var labels: [String: String]
        var value: Double
    }

    /// Of those that are asked for: more than any histogram of any server has.
    static let sampleLimit = 20_000

    private(set) var samples: [Sample] = []
    /// By the name of the family.
    private var types: [String: String] = [:]

    /// - Parameter wanted: names of samples: `…_bucket`, not that of its histogram.
    /// - Throws: `SourceError` for what is no metrics page, or too large a part of one.
    init(_ page: Data, wanted: Set<String>) throws {
        let families = Set(wanted.flatMap(Self.families))
        var isPage = page.isEmpty
        var number = 0
        // Lines of one name follow each other.
        var lastName: ArraySlice<UInt8> = []
        var isLastWanted = false
        for line in Array(page).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            var cursor = ExpositionCursor(line)
            cursor.skipBlanks()
            if cursor.peek == UInt8(ascii: "#") {
                isPage = true
                let words = cursor.words(atMost: 4)
                if words == ["#", "EOF"] { break }
                if words.count == 4, words[1] == "TYPE", families.contains(words[2]) { types[words[2]] = words[3] }
                continue
            }
            let name = cursor.name()
            guard !name.isEmpty else { continue }
            isPage = true
            if name != lastName {
                (lastName, isLastWanted) = (name, wanted.contains(String(decoding: name, as: UTF8.self)))
            }
            guard isLastWanted else { continue }
            guard let sample = cursor.sample(named: String(decoding: name, as: UTF8.self)) else {
                throw SourceError(
                    .unreadable, "line \(number) is no sample: \(String(decoding: line.prefix(80), as: UTF8.self))")
            }
            samples.append(sample)
            guard samples.count <= Self.sampleLimit else {
                throw SourceError(.unreadable, "more than \(Self.sampleLimit) samples: too many labels")
            }
        }
        guard isPage else {
            throw SourceError(.unreadable, "no metrics page: check the path and port of runtime.metrics")
        }
    }

    func samples(named name: String) -> [Sample] { samples.filter { $0.name == name } }

    /// The sum of all that match; nil where there is none.
    func sum(of selector: SampleSelector) -> Double? {
        let matching = samples.filter(selector.matches)
        return matching.isEmpty ? nil : matching.reduce(0) { $0 + $1.value }
    }

    /// `gauge`, say; nil where the page does not tell.
    func type(of name: String) -> String? { Self.families(of: name).lazy.compactMap { types[$0] }.first }

    /// A counter's family may leave `_total` out; those of a histogram have a suffix each.
    private static func families(of name: String) -> [String] {
        [name]
            + ["_total", "_bucket", "_count", "_sum"].filter { name.hasSuffix($0) }.map {
                String(name.dropLast($0.count))
            }
    }
}

/// Samples of one name, some of whose labels have given values: `tokens_total{model="a"}`.
struct SampleSelector: Hashable, Sendable {
    let name: String
    let labels: [String: String]

    /// - Throws: `SourceError` that says what would be right.
    init(_ text: String) throws {
        var cursor = ExpositionCursor(Array(text.utf8)[...])
        cursor.skipBlanks()
        let name = cursor.name()
        cursor.skipBlanks()
        guard !name.isEmpty, let labels = cursor.labels(), cursor.isAtEnd else {
            throw SourceError(
                .misasked,
                "'\(text.prefix(120))' is no name of a counter; write requests_total or requests_total{code=\"500\"}")
        }
        self.name = String(decoding: name, as: UTF8.self)
        self.labels = labels
    }

    func matches(_ sample: ExpositionText.Sample) -> Bool {
        sample.name == name && labels.allSatisfy { sample.labels[$0.key] == $0.value }
    }
}
