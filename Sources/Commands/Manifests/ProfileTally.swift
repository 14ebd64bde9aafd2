import Foundation
import ModelManifests
import Presentation

/// Counts recorded values in the buckets of a profile.
struct ProfileTally {
    enum Sorting: Hashable, Sendable {
        /// Numbers by quantiles, other values by labels; the first value decides.
        case automatic
        case quantiles(Int)
        case edges([Double])
        case classes([String])
    }

    /// The limit for quantiles, which need all numbers in memory.
    static let numberLimit = 20_000_000
    /// With more different labels, the values are not classes.
    static let labelLimit = 100_000
    /// Longer labels count as other values.
    static let labelLimitBytes = 256
    static let defaultBins = 10

    private(set) var valueCount = 0
    /// The number of rows without a value.
    private(set) var blankCount = 0
    private var state: State

    private enum State {
        case undecided
        case numbers([Double], bins: Int)
        case edges([Double], counts: [Int])
        case classes([String: Int], [String], counts: [Int])
        case labels([String: Int])
    }

    init(_ sorting: Sorting) {
        switch sorting {
        case .automatic: state = .undecided
        case .quantiles(let bins): state = .numbers([], bins: bins)
        case .edges(let edges): state = .edges(edges, counts: Array(repeating: 0, count: edges.count + 1))
        case .classes(let classes):
            let places = Dictionary(classes.enumerated().map { ($1, $0) }) { first, _ in first }
            state = .classes(places, classes, counts: Array(repeating: 0, count: classes.count + 1))
        }
    }

    /// - Parameter value: nil where the row has no value.
    mutating func add(_ value: RecordedValue?, line: Int) throws(DataError) {
        guard let value else {
            blankCount += 1
            return
        }
        valueCount += 1
        if case .undecided = state { state = value.number == nil ? .labels([:]) : .numbers([], bins: Self.defaultBins) }
        switch state {
        case .numbers(var numbers, let bins):
            state = .undecided  // Avoids a copy of the array.
            guard numbers.count < Self.numberLimit else {
                throw DataError(line: line, message: "more than \(Self.numberLimit) numbers: use --buckets instead")
            }
            numbers.append(try Self.number(value, line))
            state = .numbers(numbers, bins: bins)
        case .edges(let edges, var counts):
            counts[Self.bucket(of: try Self.number(value, line), edges)] += 1
            state = .edges(edges, counts: counts)
        case .classes(let places, let classes, var counts):
            counts[places[value.label] ?? classes.count] += 1
            state = .classes(places, classes, counts: counts)
        case .labels(var labels):
            state = .undecided
            let label = value.label
            guard labels[label] != nil || labels.count < Self.labelLimit else {
                throw DataError(
                    line: line,
                    message:
                        "more than \(Self.labelLimit) different values that are not numbers, which is too many for classes"
                )
            }
            labels[label, default: 0] += 1
            state = .labels(labels)
        case .undecided: break
        }
    }

    private static func number(_ value: RecordedValue, _ line: Int) throws(DataError) -> Double {
        if let number = value.number { return number }
        throw DataError(
            line: line,
            message:
                "'\(value.label.prefix(40))' is not a number: leave the field empty, or count labels with --classes"
        )
    }

    /// The first bucket whose edge is not below the number, or the last bucket.
    static func bucket(of number: Double, _ edges: [Double]) -> Int {
        var (low, high) = (0, edges.count)
        while low < high {
            let middle = (low + high) / 2
            if number <= edges[middle] { high = middle } else { low = middle + 1 }
        }
        return low
    }

    func profile() throws(DataError) -> PredictionProfile {
        guard valueCount > 0 else {
            throw DataError(line: nil, message: "there are no values in \(blankCount) rows")
        }
        switch state {
        case .undecided: throw DataError(line: nil, message: "there are no values")
        case .edges(let edges, let counts): return PredictionProfile(buckets: .edges(edges), counts: counts)
        case .classes(_, let classes, let counts):
            return PredictionProfile(buckets: .classes(classes), counts: counts)
        case .numbers(let numbers, let bins):
            let edges = QuantileBuckets.edges(of: numbers, bins: bins)
            var counts = Array(repeating: 0, count: edges.count + 1)
            for number in numbers { counts[Self.bucket(of: number, edges)] += 1 }
            return PredictionProfile(buckets: .edges(edges), counts: counts)
        case .labels(let labels): return try Self.profile(of: labels)
        }
    }

    /// The most frequent labels get their own buckets.
    private static func profile(of labels: [String: Int]) throws(DataError) -> PredictionProfile {
        let shown = labels.filter { !$0.key.isEmpty && $0.key.utf8.count <= labelLimitBytes }
            .sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(PredictionBuckets.countLimit - 1)
        guard !shown.isEmpty else {
            throw DataError(
                line: nil, message: "every value is longer than \(labelLimitBytes) bytes, which is too long for a class"
            )
        }
        let rest = labels.values.reduce(0, +) - shown.reduce(0) { $0 + $1.value }
        return PredictionProfile(buckets: .classes(shown.map(\.key)), counts: shown.map(\.value) + [rest])
    }
}

extension RecordedValue {
    /// Nil where the value is not a finite number.
    var number: Double? {
        switch self {
        case .number(let number): return number.isFinite ? number : nil
        case .text(let text):
            let digits = text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed()
            return Double(String(digits)).flatMap { $0.isFinite ? $0 : nil }
        }
    }

    var label: String {
        switch self {
        case .number(let number): Int(exactly: number).map(String.init) ?? "\(number)"
        case .text(let text): text
        }
    }
}

/// Computes edges that put about the same number of values into each bucket.
enum QuantileBuckets {
    /// - Parameter numbers: at least one, all finite.
    /// - Returns: distinct ascending edges, at least one. Fewer than `bins` − 1 where many numbers are equal. The largest number
    ///   is above the last edge, unless all numbers are equal.
    static func edges(of numbers: [Double], bins: Int) -> [Double] {
        let sorted = numbers.sorted()
        guard let smallest = sorted.first, let largest = sorted.last else { return [] }
        let quantiles = (1..<max(2, bins)).map { sorted[($0 * sorted.count + bins - 1) / bins - 1] }
        let exact = distinct(quantiles, below: largest)
        let rounded = distinct(quantiles.map(sixDigits), below: largest)
        let edges = rounded.count == exact.count ? rounded : exact
        return edges.isEmpty ? [smallest] : edges
    }

    private static func distinct(_ edges: [Double], below largest: Double) -> [Double] {
        edges.reduce(into: []) { kept, edge in
            if edge < largest, kept.last.map({ $0 < edge }) ?? true { kept.append(edge) }
        }
    }

    /// Rounds to six digits, so that edges are short.
    private static func sixDigits(_ number: Double) -> Double {
        guard number != 0 else { return 0 }
        let power = 5 - Int(log10(abs(number)).rounded(.down))
        // Dividing by a whole power of ten keeps 0.16 exact.
        let scale = pow(10, Double(abs(power)))
        let rounded = power > 0 ? (number * scale).rounded() / scale : (number / scale).rounded() * scale
        return rounded.isFinite ? rounded : number
    }
}
