/// Checks everything that scoring relies on, once: shapes, indices, order, finite numbers.
extension TabularModel {
    init(_ written: ModelFile) throws(ModelFileProblem) {
        guard written.format == ModelFile.format else {
            throw ModelFileProblem("has format '\(written.format)'; this server reads \(ModelFile.format)")
        }
        guard !written.name.isEmpty, !written.name.contains("/") else {
            throw ModelFileProblem("'name' must be a non-empty text without '/'")
        }
        guard (1...ModelFile.maximumInputs).contains(written.inputs.count) else {
            throw ModelFileProblem("'inputs' must name 1 to \(ModelFile.maximumInputs) columns")
        }
        guard Set(written.inputs).count == written.inputs.count else {
            throw ModelFileProblem("'inputs' names a column twice")
        }
        guard written.classes.count >= 2, Set(written.classes).count == written.classes.count else {
            throw ModelFileProblem("'classes' must contain at least two different names")
        }
        let features = try Self.features(written)
        let smoothing = try Self.smoothing(written)
        self.init(
            name: written.name, version: written.version, inputs: written.inputs, classes: written.classes,
            features: features,
            estimator: try Estimator(written.estimator, features: features.count, classes: written.classes.count),
            smoothing: smoothing)
    }

    private static func features(_ written: ModelFile) throws(ModelFileProblem) -> [Feature] {
        let places = Dictionary(uniqueKeysWithValues: zip(written.inputs, written.inputs.indices))
        guard let expressions = written.features else {
            return written.inputs.enumerated().map { Feature(name: $1, value: .input($0)) }
        }
        guard (1...ModelFile.maximumInputs).contains(expressions.count) else {
            throw ModelFileProblem("'features' must contain 1 to \(ModelFile.maximumInputs) features, or be left out")
        }
        var features: [Feature] = []
        for feature in expressions {
            features.append(Feature(name: feature.name, value: try FeatureExpression(feature.value, inputs: places)))
        }
        return features
    }

    private static func smoothing(_ written: ModelFile) throws(ModelFileProblem) -> RandomizedSmoothing? {
        guard let smoothing = written.smoothing else { return nil }
        guard (1...RandomizedSmoothing.maximumCopies).contains(smoothing.copies) else {
            throw ModelFileProblem("'smoothing.copies' must be 1 to \(RandomizedSmoothing.maximumCopies)")
        }
        guard smoothing.deviations.count == written.inputs.count,
            smoothing.deviations.allSatisfy({ $0.isFinite && $0 >= 0 })
        else { throw ModelFileProblem("'smoothing.deviations' must contain a number of at least 0 per input") }
        return RandomizedSmoothing(copies: smoothing.copies, seed: smoothing.seed, deviations: smoothing.deviations)
    }
}

extension Estimator {
    init(_ written: ModelFile.EncodedEstimator, features: Int, classes: Int) throws(ModelFileProblem) {
        switch written.kind {
        case "logisticRegression":
            guard let coefficients = written.coefficients, let intercepts = written.intercepts else {
                throw ModelFileProblem("a logisticRegression needs 'coefficients' and 'intercepts'")
            }
            try Self.checkOutputs(intercepts, classes: classes, field: "intercepts")
            guard coefficients.count == intercepts.count, coefficients.allSatisfy({ $0.count == features }),
                coefficients.allSatisfy({ $0.allSatisfy(\.isFinite) })
            else {
                throw ModelFileProblem("'coefficients' must be \(intercepts.count) rows of \(features) finite numbers")
            }
            self = .logisticRegression(LogisticRegression(coefficients: coefficients, intercepts: intercepts))
        case "randomForest":
            let trees = try Self.trees(written, features: features, outputs: 1, leafWidth: classes)
            guard trees.allSatisfy({ $0.leaves.allSatisfy { (0...1).contains($0) } }) else {
                throw ModelFileProblem("the leaves of a randomForest must contain a probability per class, from 0 to 1")
            }
            self = .treeEnsemble(TreeEnsemble(combination: .average, trees: trees))
        case "gradientBoosting":
            guard let baseline = written.baseline, let learningRate = written.learningRate, learningRate.isFinite else {
                throw ModelFileProblem("a gradientBoosting needs 'baseline' and a finite 'learningRate'")
            }
            try Self.checkOutputs(baseline, classes: classes, field: "baseline")
            let trees = try Self.trees(written, features: features, outputs: baseline.count, leafWidth: 1)
            let combination = TreeEnsemble.Combination.boosting(baseline: baseline, learningRate: learningRate)
            self = .treeEnsemble(TreeEnsemble(combination: combination, trees: trees))
        default:
            throw ModelFileProblem(
                "estimator kind '\(written.kind)' is unknown; use logisticRegression, randomForest or gradientBoosting")
        }
    }

    private static func checkOutputs(_ values: [Double], classes: Int, field: String) throws(ModelFileProblem) {
        let fits = values.count == classes || (values.count == 1 && classes == 2)
        guard fits, values.allSatisfy(\.isFinite) else {
            throw ModelFileProblem("'\(field)' must contain \(classes) finite numbers (or one, for two classes)")
        }
    }

    private static func trees(
        _ written: ModelFile.EncodedEstimator, features: Int, outputs: Int, leafWidth: Int
    ) throws(ModelFileProblem) -> [DecisionTree] {
        guard let written = written.trees, !written.isEmpty else { throw ModelFileProblem("'trees' is empty") }
        guard written.reduce(0, { $0 + $1.splits.count + $1.leaves.count }) <= ModelFile.maximumNodes else {
            throw ModelFileProblem("the trees have more than \(ModelFile.maximumNodes) nodes; use a smaller ensemble")
        }
        var trees: [DecisionTree] = []
        for (index, tree) in written.enumerated() {
            do throws(ModelFileProblem) {
                trees.append(try DecisionTree(tree, features: features, outputs: outputs, leafWidth: leafWidth))
            } catch {
                throw ModelFileProblem("tree \(index): \(error.message)")
            }
        }
        return trees
    }
}

extension DecisionTree {
    init(
        _ written: ModelFile.EncodedTree, features: Int, outputs: Int, leafWidth: Int
    ) throws(ModelFileProblem) {
        output = written.output ?? 0
        self.leafWidth = leafWidth
        guard (0..<outputs).contains(output) else {
            throw ModelFileProblem("output \(output) does not exist: there are \(outputs)")
        }
        guard !written.leaves.isEmpty, written.leaves.allSatisfy({ $0.count == leafWidth }),
            written.leaves.allSatisfy({ $0.allSatisfy(\.isFinite) })
        else { throw ModelFileProblem("it needs leaves of \(leafWidth) finite numbers each") }
        leaves = Array(written.leaves.joined())
        splits = []
        for (index, fields) in written.splits.enumerated() {
            guard fields.count == 4, fields[1].isFinite, let feature = Int(exactly: fields[0]),
                let left = Int(exactly: fields[2]), let right = Int(exactly: fields[3])
            else { throw ModelFileProblem("split \(index) is not [feature, threshold, left, right]") }
            guard (0..<features).contains(feature) else {
                throw ModelFileProblem("split \(index) uses feature \(feature), but there are only \(features)")
            }
            for child in [left, right] {
                // Only later splits are allowed, so there is no cycle.
                let exists = child >= 0 ? child > index && child < written.splits.count : ~child < written.leaves.count
                guard exists else {
                    throw ModelFileProblem(
                        "split \(index) leads to \(child), which is neither a later split nor a leaf")
                }
            }
            splits.append(Split(feature: feature, threshold: fields[1], left: left, right: right))
        }
    }
}
