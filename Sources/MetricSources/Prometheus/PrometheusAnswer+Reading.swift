import Analysis
import ModelManifests
import SafeText

extension PrometheusAnswer {
    /// How many series the message lists if there are too many.
    private static let shownSeries = 3
    /// More than any side has instances. The bound is needed because baselines of both sides are kept.
    static let seriesLimit = 256

    /// Reads one value: a scalar, the only sample of a vector, or the reduced points of the only series.
    ///
    /// - Parameter range: how to reduce the points. Nil for a query that is itself a range; its points are averaged.
    func measured(over range: MetricRange? = nil) -> Measured {
        let found: Measured =
            switch result {
            case .scalar(let value): Self.measured(value)
            case .vector(let samples): Self.only(samples.map { ($0.labels, [$0.value]) }, range)
            case .matrix(let series): Self.only(series.map { ($0.key, $0.value) }, range)
            case .string(let text): .error("the result is the text '\(text.prefix(40))', not a number")
            }
        guard !warnings.isEmpty else { return found }
        let warned = String(warnings.joined(separator: "; ").prefix(300))
        let said = " (the server says: \(warned))"
        return switch found {
        case .value(let value, _): .value(value, remark: warned)
        case .noData(let reason): .noData(reason + said)
        case .error(let reason): .error(reason + said)
        }
    }

    private static func only(_ series: [(labels: Labels, values: [Double])], _ range: MetricRange?) -> Measured {
        guard series.count <= 1 else {
            let shown = series.map { text($0.labels) }.sorted().prefix(shownSeries).joined(separator: ", ")
            return .error(
                "\(series.count) series instead of one (\(shown)\(series.count > shownSeries ? ", …" : "")): "
                    + "aggregate with sum(…) or avg(…)")
        }
        guard let values = series.first?.values else { return .noData("the query has no result: no series matches") }
        let numbers = values.filter { !$0.isNaN }
        guard !numbers.isEmpty else {
            return .noData("the result is not a number (NaN): nothing was counted in the window")
        }
        if let range, numbers.count < range.minPoints {
            return .noData(
                "\(numbers.count) points are numbers in the last \(range.over.goText), but \(range.minPoints) are required"
            )
        }
        return measured(reduced(numbers, range?.reduce ?? .mean))
    }

    /// - Parameter numbers: at least one, oldest first.
    private static func reduced(_ numbers: [Double], _ reduction: MetricRange.Reduction) -> Double {
        switch reduction {
        case .max: numbers.max() ?? .nan
        case .min: numbers.min() ?? .nan
        case .mean: numbers.reduce(0, +) / Double(numbers.count)
        case .last: numbers.last ?? .nan
        }
    }

    private static func measured(_ value: Double) -> Measured {
        if value.isNaN { return .noData("the result is not a number (NaN): nothing was counted in the window") }
        guard value.isFinite else {
            return .error("the result is \(value < 0 ? "-Inf" : "+Inf"): check whether the query divides by zero")
        }
        return .value(value)
    }

    /// Reads cumulative counters, one per sample.
    ///
    /// - Throws: `SourceError` if a value cannot be a counter.
    func counters() throws -> [Sample] {
        let samples: [Sample]
        switch result {
        case .scalar(let value): samples = [Sample(labels: [:], value: value)]
        case .vector(let found): samples = found
        case .matrix, .string:
            throw SourceError(.invalidQuery, "the result is a range or a text, not cumulative counters: leave out [5m]")
        }
        guard samples.count <= Self.seriesLimit else {
            throw SourceError(
                .invalidQuery,
                "\(samples.count) series, more than \(Self.seriesLimit): aggregate with sum by (instance) (…)")
        }
        for sample in samples where !sample.value.isFinite || sample.value < 0 {
            throw SourceError(
                .invalidQuery, "\(Self.text(sample.labels)) is \(sample.value), which cannot be a counter")
        }
        return samples
    }

    /// `{instance="a", job="b"}`, sorted and without the metric's name, so that two counters of the same thing have the same
    /// text.
    static func text(_ labels: Labels) -> String {
        let terms = labels.filter { $0.key != "__name__" }.sorted { $0.key < $1.key }
            .map { "\($0.key)=\"\(Escape.promQLString($0.value))\"" }
        return "{\(terms.joined(separator: ", "))}"
    }
}
