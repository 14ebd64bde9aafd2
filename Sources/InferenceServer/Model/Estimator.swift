import Foundation

/// Turns a row's features into one probability per class.
enum Estimator: Hashable, Sendable {
    case logisticRegression(LogisticRegression)
    case treeEnsemble(TreeEnsemble)

    /// - Returns: probabilities in the order of the classes. Not finite if the score overflows.
    func probabilities(of features: [Double]) -> [Double] {
        switch self {
        case .logisticRegression(let regression): regression.probabilities(of: features)
        case .treeEnsemble(let ensemble): ensemble.probabilities(of: features)
        }
    }
}

/// p = softmax(W·x + b); with a single row of W, p(second class) = 1 / (1 + e^−(w·x + b)).
struct LogisticRegression: Hashable, Sendable {
    /// One row per output, one column per feature.
    var coefficients: [[Double]]
    var intercepts: [Double]

    func probabilities(of features: [Double]) -> [Double] {
        Link.probabilities(
            ofScores: zip(coefficients, intercepts).map { row, intercept in
                zip(row, features).reduce(intercept) { $0 + $1.0 * $1.1 }
            })
    }
}

/// Converts scores (log odds) to probabilities.
enum Link {
    static func probabilities(ofScores scores: [Double]) -> [Double] {
        guard scores.count > 1 else {
            // Both sides are computed separately: 1 − p would lose digits of a small probability.
            return [1 / (1 + exp(scores[0])), 1 / (1 + exp(-scores[0]))]
        }
        // Shifted by the largest score, so that no exponential overflows.
        let largest = scores.max() ?? 0
        let exponentials = scores.map { exp($0 - largest) }
        let sum = exponentials.reduce(0, +)
        return exponentials.map { $0 / sum }
    }
}
