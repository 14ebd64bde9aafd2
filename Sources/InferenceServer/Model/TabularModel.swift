/// A classifier over rows of numbers, checked when it was loaded: scoring cannot trap, whatever the row holds.
public struct TabularModel: Hashable, Sendable {
    public internal(set) var name: String
    public internal(set) var version: String
    /// The columns of a row, in order.
    public let inputs: [String]
    public let classes: [String]
    let features: [Feature]
    let estimator: Estimator
    let smoothing: RandomizedSmoothing?

    struct Feature: Hashable, Sendable {
        var name: String
        var value: FeatureExpression
    }

    /// - Parameter row: as many values as there are `inputs`.
    /// - Returns: one probability for each class, in their order.
    /// - Throws: where a feature or the score is not a finite number: such a row has no answer, and a made-up one
    ///   would be worse. scikit-learn refuses it as well.
    public func probabilities(of row: [Double]) throws(ScoringError) -> [Double] {
        guard row.count == inputs.count else {
            throw ScoringError.columns(found: row.count, expected: inputs.count)
        }
        guard let smoothing else { return try unsmoothed(row) }
        return try smoothing.mean(of: row) { copy throws(ScoringError) in try unsmoothed(copy) }
    }

    private func unsmoothed(_ row: [Double]) throws(ScoringError) -> [Double] {
        var values: [Double] = []
        values.reserveCapacity(features.count)
        for feature in features {
            let value = feature.value.value(of: row)
            // Trees compare in single precision, where a value may be out of range that a double still holds.
            guard value.isFinite, Float(value).isFinite else { throw ScoringError.feature(feature.name, value: value) }
            values.append(value)
        }
        let probabilities = estimator.probabilities(of: values)
        guard probabilities.allSatisfy(\.isFinite) else { throw ScoringError.score }
        return probabilities
    }
}

/// A row that the model has no answer for.
public enum ScoringError: Error, Hashable, Sendable, CustomStringConvertible {
    case columns(found: Int, expected: Int)
    /// A feature came out as NaN, infinite, or beyond single precision.
    case feature(String, value: Double)
    case score

    public var description: String {
        switch self {
        case .columns(let found, let expected): "the row has \(found) values, the model takes \(expected)"
        case .feature(let name, let value): "feature '\(name)' is \(value.isNaN ? "not a number" : "\(value)")"
        case .score: "the model produced a non-finite score"
        }
    }
}
