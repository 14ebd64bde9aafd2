import Foundation

/// The wanted samples of a metrics page in Prometheus' text format 0.0.4 or OpenMetrics 1.0.
///
/// Time stamps, exemplars and help are ignored. A malformed line is ignored too, unless it starts with a wanted name. Formats:
/// https://prometheus.io/docs/instrumenting/exposition_formats/ and https://prometheus.io/docs/specs/om/open_metrics_spec/.
struct ExpositionText: Hashable, Sendable {
    struct Sample: Hashable, Sendable {
        var name: String
        var labels: [String: String]
        var value: Double
    }

    /// For wanted samples: more than any histogram of a server has.
    static let sampleLimit = 20_000

    private(set) var samples: [Sample] = []
    /// By the name of the metric family.
    private var types: [String: String] = [:]

    /// - Parameter wanted: sample names: `…_bucket`, not the name of the histogram.
    /// - Throws: `SourceError` if it is not a metrics page, or has too many wanted samples.
    init(_ page: Data, wanted: Set<String>) throws {
        let families = Set(wanted.flatMap(Self.families))
        var isPage = page.isEmpty
        var number = 0
        // Lines with the same name usually follow each other, so the result for the last name is kept.
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
                    .unreadable,
                    "line \(number) is not a valid sample: \(String(decoding: line.prefix(80), as: UTF8.self))")
            }
            samples.append(sample)
            guard samples.count <= Self.sampleLimit else {
                throw SourceError(.unreadable, "more than \(Self.sampleLimit) samples: reduce the number of labels")
            }
        }
        guard isPage else {
            throw SourceError(.unreadable, "not a metrics page: check the path and port of runtime.metrics")
        }
    }

    func samples(named name: String) -> [Sample] { samples.filter { $0.name == name } }

    /// The sum of all matching samples; nil if there is none.
    func sum(of selector: SampleSelector) -> Double? {
        let matching = samples.filter(selector.matches)
        return matching.isEmpty ? nil : matching.reduce(0) { $0 + $1.value }
    }

    /// The metric's type, for example `gauge`; nil if the page does not say.
    func type(of name: String) -> String? { Self.families(of: name).lazy.compactMap { types[$0] }.first }

    /// Possible family names of a sample: a counter's family may lack `_total`, and the samples of a histogram have suffixes.
    private static func families(of name: String) -> [String] {
        [name]
            + ["_total", "_bucket", "_count", "_sum"].filter { name.hasSuffix($0) }.map {
                String(name.dropLast($0.count))
            }
    }
}

/// Selects samples by name and label values: `tokens_total{model="a"}`.
struct SampleSelector: Hashable, Sendable {
    let name: String
    let labels: [String: String]

    /// - Throws: `SourceError` with advice.
    init(_ text: String) throws {
        var cursor = ExpositionCursor(Array(text.utf8)[...])
        cursor.skipBlanks()
        let name = cursor.name()
        cursor.skipBlanks()
        guard !name.isEmpty, let labels = cursor.labels(), cursor.isAtEnd else {
            throw SourceError(
                .invalidQuery,
                "'\(text.prefix(120))' is not the name of a counter; write requests_total or requests_total{code=\"500\"}"
            )
        }
        self.name = String(decoding: name, as: UTF8.self)
        self.labels = labels
    }

    func matches(_ sample: ExpositionText.Sample) -> Bool {
        sample.name == name && labels.allSatisfy { sample.labels[$0.key] == $0.value }
    }
}
