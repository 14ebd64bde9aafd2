import Analysis
import ModelManifests
import SafeText

extension PrometheusAnswer {
    /// Series that are named where there are too many.
    private static let shownSeries = 3
    /// More series than any one side has instances; the baselines of both sides have to be kept.
    static let seriesLimit = 256

    /// One value: a scalar, the only sample of a vector, or what the points of the only series come to.
    ///
    /// - Parameter range: as it was asked for; nil: the mean, of a query that is a range by itself.
    func measured(over range: MetricRange? = nil) -> Measured {
        let found: Measured =
            switch result {
            case .scalar(let value): Self.measured(value)
            case .vector(let samples): Self.only(samples.map { ($0.labels, [$0.value]) }, range)
            case .matrix(let series): Self.only(series.map { ($0.key, $0.value) }, range)
            case .string(let text): .error("the text '\(text.prefix(40))' where a number was wanted")
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
                "\(series.count) series where one was wanted (\(shown)\(series.count > shownSeries ? ", …" : "")): "
                    + "aggregate with sum(…) or avg(…)")
        }
        guard let values = series.first?.values else { return .noData("the query has no result: no series matches") }
        let numbers = values.filter { !$0.isNaN }
        guard !numbers.isEmpty else {
            return .noData("the result is not a number (NaN): nothing was counted in the window")
        }
        if let range, numbers.count < range.minPoints {
            return .noData(
                "\(numbers.count) points are numbers in the last \(range.over.goText), and \(range.minPoints) are wanted"
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
            return .error("the result is \(value < 0 ? "-Inf" : "+Inf"): does the query divide by nothing?")
        }
        return .value(value)
    }

    /// Cumulative counters, a sample each.
    ///
    /// - Throws: `SourceError` for what no counter can be.
    func counters() throws -> [Sample] {
        let samples: [Sample]
        switch result {
        case .scalar(let value): samples = [Sample(labels: [:], value: value)]
        case .vector(let found): samples = found
        case .matrix, .string:
            throw SourceError(.misasked, "a range or a text where cumulative counters were wanted: leave [5m] out")
        }
        guard samples.count <= Self.seriesLimit else {
            throw SourceError(
                .misasked,
                "\(samples.count) series, more than \(Self.seriesLimit): aggregate with sum by (instance) (…)")
        }
        for sample in samples where !sample.value.isFinite || sample.value < 0 {
            throw SourceError(.misasked, "\(Self.text(sample.labels)) is \(sample.value): no counter is")
        }
        return samples
    }

    /// `{instance="a", job="b"}`, in one order, without the name: two counters of one thing have the same.
    static func text(_ labels: Labels) -> String {
        let terms = labels.filter { $0.key != "__name__" }.sorted { $0.key < $1.key }
            .map { "\($0.key)=\"\(Escape.promQLString($0.value))\"" }
        return "{\(terms.joined(separator: ", "))}"
    }
}
