import Foundation

/// The file format of a model: one JSON object.
///
///     {"format": "mlctl.dev/tabular/v1",
///      "name": "biopsy-screen", "version": "2",
///      "inputs": ["mean radius", "mean texture"],          the columns of a row, in order
///      "features": ["mean radius",                         an input unchanged, or computed: see FeatureExpression
///                   {"name": "log texture", "value": ["log", "mean texture"]}],     by default: the inputs
///      "classes": ["malignant", "benign"],
///      "estimator": {"kind": "logisticRegression", "coefficients": [[0.1, −0.2]], "intercepts": [0.3]}
///                 | {"kind": "randomForest", "trees": [TREE…]}
///                 | {"kind": "gradientBoosting", "baseline": [0.5], "learningRate": 0.1, "trees": [TREE…]},
///      "smoothing": {"copies": 100, "seed": 1, "deviations": [0.1, 0.1]}}            optional
///
///     TREE = {"output": 0, "splits": [[feature, threshold, left, right]…], "leaves": [[value…]…]}
///
/// A row goes left if feature ≤ threshold. `left` and `right` are the index of a later split, or −1 − i for leaf i. Split 0 is
/// the root. A forest's leaf has a probability per class. A boosted tree's leaf has one value, which is added to score `output`.
/// Two classes have one score (the log odds of the second) or two, more classes have one score each.
struct ModelFile: Decodable {
    static let format = "mlctl.dev/tabular/v1"
    static let maximumBytes = 64 << 20
    static let maximumInputs = 10_000
    static let maximumNodes = 4_000_000

    struct EncodedFeature: Decodable {
        var name: String
        var value: EncodedExpression
        private enum CodingKeys: String, CodingKey { case name, value }

        init(from decoder: any Decoder) throws {
            if let name = try? decoder.singleValueContainer().decode(String.self) {
                (self.name, value) = (name, .name(name))
                return
            }
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            name = try fields.decode(String.self, forKey: .name)
            value = try fields.decode(EncodedExpression.self, forKey: .value)
        }
    }

    struct EncodedEstimator: Decodable {
        var kind: String
        var coefficients: [[Double]]?
        var intercepts: [Double]?
        var baseline: [Double]?
        var learningRate: Double?
        var trees: [EncodedTree]?
    }

    struct EncodedTree: Decodable {
        var output: Int?
        var splits: [[Double]]
        var leaves: [[Double]]
    }

    struct EncodedSmoothing: Decodable {
        var copies: Int
        var seed: UInt64
        var deviations: [Double]
    }

    var format: String
    var name: String
    var version: String
    var inputs: [String]
    var features: [EncodedFeature]?
    var classes: [String]
    var estimator: EncodedEstimator
    var smoothing: EncodedSmoothing?
}

/// What is wrong with a model file. The loader adds the file's name.
struct ModelFileProblem: Error, Hashable {
    var message: String
    init(_ message: String) { self.message = message }
}

extension TabularModel {
    /// - Throws: `ModelFileError` if the file is missing, too large, not JSON, or not a valid model.
    package init(contentsOf path: String) throws(ModelFileError) {
        let data: Data
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? handle.close() }
            data = try handle.read(upToCount: ModelFile.maximumBytes + 1) ?? Data()
        } catch {
            throw ModelFileError(
                file: path,
                message: "cannot be read (\(error.localizedDescription)); give --model the path of a model.json")
        }
        guard data.count <= ModelFile.maximumBytes else {
            throw ModelFileError(
                file: path, message: "is over \(ModelFile.maximumBytes >> 20) MiB; use a smaller model")
        }
        try self.init(json: data, file: path)
    }

    /// - Parameter file: the name of the text in errors.
    package init(json: Data, file: String) throws(ModelFileError) {
        let written: ModelFile
        do {
            written = try JSONDecoder().decode(ModelFile.self, from: json)
        } catch let error as DecodingError {
            throw ModelFileError(file: file, message: "is not a \(ModelFile.format) model: \(JSONFault(error))")
        } catch {
            throw ModelFileError(file: file, message: "is not JSON: \(error.localizedDescription)")
        }
        do throws(ModelFileProblem) {
            try self.init(written)
        } catch {
            throw ModelFileError(file: file, message: error.message)
        }
    }
}

/// Why a model file cannot be served, and what to do about it.
package struct ModelFileError: Error, Hashable, Sendable, CustomStringConvertible {
    package var file: String
    package var message: String

    package init(file: String, message: String) {
        self.file = file
        self.message = message
    }

    package var description: String { "\(file): \(message)" }
}
