/// A classifier over rows of numbers. It was checked when it was loaded, so scoring cannot trap on any row.
package struct TabularModel: Hashable, Sendable {
    package internal(set) var name: String
    package internal(set) var version: String
    /// The columns of a row, in order.
    package let inputs: [String]
    package let classes: [String]
    let features: [Feature]
    let estimator: Estimator
    let smoothing: RandomizedSmoothing?

    struct Feature: Hashable, Sendable {
        var name: String
        var value: FeatureExpression
    }

    /// - Parameter row: one value per input.
    /// - Returns: one probability per class, in order.
    /// - Throws: if a feature or the score is not a finite number. Such a row has no answer, and an invented one would be worse.
    ///   scikit-learn refuses it as well.
    package func probabilities(of row: [Double]) throws(ScoringError) -> [Double] {
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
            // Trees compare in single precision, whose range is smaller than that of a double.
            guard value.isFinite, Float(value).isFinite else { throw ScoringError.feature(feature.name, value: value) }
            values.append(value)
        }
        let probabilities = estimator.probabilities(of: values)
        guard probabilities.allSatisfy(\.isFinite) else { throw ScoringError.score }
        return probabilities
    }
}

/// Why the model has no answer for a row.
package enum ScoringError: Error, Hashable, Sendable, CustomStringConvertible {
    case columns(found: Int, expected: Int)
    /// The feature is NaN, infinite, or outside single precision.
    case feature(String, value: Double)
    case score

    package var description: String {
        switch self {
        case .columns(let found, let expected): "the row has \(found) values, but the model takes \(expected)"
        case .feature(let name, let value): "feature '\(name)' is \(value.isNaN ? "not a number" : "\(value)")"
        case .score: "the model produced a non-finite score"
        }
    }
}
