/// A random forest or gradient-boosted trees.
///
/// A feature is rounded to single precision before a comparison, because scikit-learn trains its trees on single precision. So
/// the same row takes the same path as in scikit-learn.
struct TreeEnsemble: Hashable, Sendable {
    enum Combination: Hashable, Sendable {
        /// The mean of the leaves, which have one probability per class (random forest).
        case average
        /// Scores start at the baseline. Each leaf adds its value times the rate to its tree's output (gradient boosting). A
        /// single score is the log odds of the second class. Several scores go through softmax.
        case boosting(baseline: [Double], learningRate: Double)
    }

    var combination: Combination
    var trees: [DecisionTree]

    func probabilities(of features: [Double]) -> [Double] {
        let features = features.map { Double(Float($0)) }
        switch combination {
        case .average:
            var sums = [Double](repeating: 0, count: trees[0].leafWidth)
            for tree in trees {
                let leaf = tree.leaf(for: features)
                for output in sums.indices { sums[output] += leaf[leaf.startIndex + output] }
            }
            return sums.map { $0 / Double(trees.count) }
        case .boosting(let baseline, let learningRate):
            var scores = baseline
            for tree in trees { scores[tree.output] += learningRate * (tree.leaf(for: features).first ?? 0) }
            return Link.probabilities(ofScores: scores)
        }
    }
}

/// One tree. Splits come before their children, so every path ends.
struct DecisionTree: Hashable, Sendable {
    /// A row goes left if its feature is at or below the threshold. A child ≥ 0 is a split, ~i is leaf i.
    struct Split: Hashable, Sendable {
        var feature: Int
        var threshold: Double
        var left: Int
        var right: Int
    }

    /// The score that a boosted tree adds to. 0 in a forest.
    var output: Int
    var splits: [Split]
    /// `leafWidth` values per leaf, one leaf after the other.
    var leaves: [Double]
    var leafWidth: Int

    func leaf(for features: [Double]) -> ArraySlice<Double> {
        // A tree without splits is a single leaf.
        var node = splits.isEmpty ? ~0 : 0
        while node >= 0 {
            let split = splits[node]
            node = features[split.feature] <= split.threshold ? split.left : split.right
        }
        let start = ~node * leafWidth
        return leaves[start..<start + leafWidth]
    }
}
