import Foundation
import TestSupport
import Testing

@testable import InferenceServer

@Suite("Reading model files")
struct ModelFileTests {
    static let sound = """
        {"format": "mlctl.dev/tabular/v1", "name": "m", "version": "1", "inputs": ["a", "b"],
         "features": ["a", {"name": "ratio", "value": ["/", "a", "b"]}], "classes": ["no", "yes"],
         "estimator": {"kind": "gradientBoosting", "baseline": [0.0], "learningRate": 1.0, "trees": [
           {"splits": [[0, 1.5, -1, 1], [1, 2.5, -2, -3]], "leaves": [[-1.0], [0.0], [2.0]]}]}}
        """

    private func load(_ text: String) throws(ModelFileError) -> TabularModel {
        try TabularModel(json: Data(text.utf8), file: "model.json")
    }

    @Test("a valid file is loaded and scores rows")
    func sound() throws {
        let model = try load(Self.sound)
        #expect(model.inputs == ["a", "b"])
        // a = 4 goes right, a/b = 2 goes left: leaf 1, with log odds 0.
        #expect(try model.probabilities(of: [4, 2]) == [0.5, 0.5])
        // a/b = 4 goes right: leaf 2.
        let probabilities = try model.probabilities(of: [4, 1])
        #expect(abs(probabilities[1] - 1 / (1 + exp(-2.0))) < 1e-15)
    }

    @Test("the leaves of a forest contain probabilities")
    func forestLeaves() throws {
        let forest = Self.sound.replacing(
            #""kind": "gradientBoosting", "baseline": [0.0], "learningRate": 1.0"#, with: #""kind": "randomForest""#)
        for (leaf, isSound) in [("[0.25, 0.75]", true), ("[3, 0]", false), ("[-1, 2]", false)] {
            let text = forest.replacing("[-1.0], [0.0], [2.0]", with: "[0, 1], \(leaf), [1, 0]")
            if isSound { _ = try load(text) } else { #expect(throws: ModelFileError.self) { try load(text) } }
        }
    }

    @Test(
        "an invalid file is refused with the reason",
        arguments: [
            ("mlctl.dev/tabular/v1", "mlctl.dev/tabular/v9", "this server reads mlctl.dev/tabular/v1"),
            (#""name": "m""#, #""name": "a/b""#, "'name' must be"),
            (#""name": "m","#, "", "the document lacks 'name'"),
            (#"["a", "b"]"#, "[]", "'inputs' must name"),
            (#"["a", "b"]"#, #"["a", "a"]"#, "names a column twice"),
            (#"["no", "yes"]"#, #"["no"]"#, "'classes' must contain at least two"),
            (#"["/", "a", "b"]"#, #"["/", "a", "c"]"#, "reads 'c', which is not among the inputs"),
            (#"["/", "a", "b"]"#, #"["^", "a", "b"]"#, "'^' with 2 arguments is unknown"),
            (#"["/", "a", "b"]"#, #"["log", "a", "b"]"#, "'log' with 2 arguments is unknown"),
            ("gradientBoosting", "crystalBall", "'crystalBall' is unknown; use"),
            ("gradientBoosting", "logisticRegression", "needs 'coefficients' and 'intercepts'"),
            ("gradientBoosting", "randomForest", "tree 0: it needs leaves of 2 finite numbers"),
            ("[0.0]", "[0.0, 1.0, 2.0]", "'baseline' must contain 2 finite numbers"),
            ("[0.0]", "[1e999]", "is not"),
            ("[-1.0], [0.0]", "[-1.0, 3.0], [0.0]", "tree 0: it needs leaves of 1 finite"),
            ("[[0, 1.5, -1, 1]", "[[0, 1.5, -1]", "split 0 is not [feature, threshold, left, right]"),
            ("[[0, 1.5, -1, 1]", "[[7, 1.5, -1, 1]", "split 0 uses feature 7, but there are only 2"),
            ("[[0, 1.5, -1, 1]", "[[0.5, 1.5, -1, 1]", "split 0 is not"),
            ("[[0, 1.5, -1, 1]", "[[0, 1.5, -1, 0]", "split 0 leads to 0"),
            ("[[0, 1.5, -1, 1]", "[[0, 1.5, -1, 2]", "split 0 leads to 2"),
            ("[[0, 1.5, -1, 1]", "[[0, 1.5, -9, 1]", "split 0 leads to -9"),
            ("[[0, 1.5, -1, 1]", "[[0, 1.5, -9.3e18, 1]", "split 0 is not"),
            ("[1, 2.5, -2, -3]", "[1, 2.5, 0, -3]", "split 1 leads to 0"),
            (#"{"splits""#, #"{"output": 1, "splits""#, "output 1 does not exist"),
            (
                #""classes""#, #""smoothing": {"copies": 0, "seed": 1, "deviations": [0, 0]}, "classes""#,
                "copies' must be"
            ),
            (
                #""classes""#, #""smoothing": {"copies": 9, "seed": 1, "deviations": [0]}, "classes""#,
                "deviations' must"
            ),
            ("}]}}", "}]", "is not"),
        ])
    func refused(found: String, replacement: String, message: String) throws {
        #expect(Self.sound.contains(found))
        let text = Self.sound.replacingOccurrences(of: found, with: replacement)
        let error = try #require(throws: ModelFileError.self) { try load(text) }
        #expect(error.message.contains(message), "\(error)")
    }

    @Test("a missing file is refused with its path")
    func missing() throws {
        let error = try #require(throws: ModelFileError.self) { try TabularModel(contentsOf: "/does/not/exist.json") }
        #expect(error.description.hasPrefix("/does/not/exist.json: cannot be read"))
    }

    @Test("an expression that is nested too deeply is refused")
    func depth() throws {
        let deep = String(repeating: #"["log", "#, count: 40) + #""a""# + String(repeating: "]", count: 40)
        let error = try #require(throws: ModelFileError.self) {
            try load(Self.sound.replacingOccurrences(of: #"["/", "a", "b"]"#, with: deep))
        }
        #expect(error.message.contains("nested deeper than 32"))
    }

    @Test("damaged files never trap: each is refused, or scores rows")
    func damaged() throws {
        let original = [UInt8](Self.sound.utf8)
        let spare = [UInt8](#"0123456789-.,[]{}":eab"#.utf8)
        var random = SeededRandom(seed: 7)
        var loaded = 0
        for _ in 0..<3_000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] = spare.randomElement(using: &random) ?? 0
            }
            guard let model = try? TabularModel(json: Data(bytes), file: "damaged") else { continue }
            loaded += 1
            for value in [-1e300, -1, 0, 1, 1e300] {
                let row = [Double](repeating: value, count: model.inputs.count)
                guard let answer = try? model.probabilities(of: row) else { continue }
                #expect(answer.allSatisfy { $0.isFinite })
            }
        }
        #expect((1..<3_000).contains(loaded))
    }
}

@Suite("Scoring")
struct ScoringTests {
    private func model(_ estimator: String, features: String = "", smoothing: String = "") throws -> TabularModel {
        let text = """
            {"format": "mlctl.dev/tabular/v1", "name": "m", "version": "1", "inputs": ["a"], \(features) \(smoothing)
             "classes": ["no", "yes"], "estimator": \(estimator)}
            """
        return try TabularModel(json: Data(text.utf8), file: "m")
    }

    private let identity = #"{"kind": "logisticRegression", "coefficients": [[1]], "intercepts": [0]}"#

    @Test("the logarithm of zero or less has no answer", arguments: [0, -1])
    func logarithm(value: Double) throws {
        let logged = try model(identity, features: #""features": [{"name": "log a", "value": ["log", "a"]}],"#)
        let error = try #require(throws: ScoringError.self) { try logged.probabilities(of: [value]) }
        guard case .feature("log a", let found) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(!found.isFinite)
        #expect(try logged.probabilities(of: [1]) == [0.5, 0.5])
    }

    @Test("an extreme score gives a certain answer, not an infinite one")
    func certain() throws {
        #expect(try model(identity).probabilities(of: [1e30]) == [0, 1])
        #expect(try model(identity).probabilities(of: [-1e30]) == [1, 0])
    }

    @Test("a score that overflows has no answer")
    func overflow() throws {
        let steep = #"{"kind": "logisticRegression", "coefficients": [[1e300], [-1e300]], "intercepts": [0, 0]}"#
        #expect(throws: ScoringError.score) { try model(steep).probabilities(of: [1e30]) }
    }

    @Test("a row of the wrong width is refused")
    func width() throws {
        #expect(throws: ScoringError.columns(found: 2, expected: 1)) { try model(identity).probabilities(of: [1, 2]) }
    }

    @Test("a tree without splits is a single leaf")
    func stump() throws {
        let stump = #"{"kind": "randomForest", "trees": [{"splits": [], "leaves": [[0.25, 0.75]]}]}"#
        #expect(try model(stump).probabilities(of: [9]) == [0.25, 0.75])
    }

    @Test("smoothing is close to the plain answer, and the same every time")
    func smoothing() throws {
        let noise = #""smoothing": {"copies": 2000, "seed": 3, "deviations": [0.5]},"#
        let smooth = try model(identity, smoothing: noise)
        let first = try smooth.probabilities(of: [1])
        let plain = try model(identity).probabilities(of: [1])
        #expect(try smooth.probabilities(of: [1]) == first)
        #expect(first != plain)
        // A standard deviation of 0.5 moves the answer by about 0.1 per copy: 0.0022 in the mean of 2,000 copies.
        #expect(abs(first[1] - plain[1]) < 0.02)
    }

    @Test("the slow version of the demo's model scores like the good one, with 4,000 times the work")
    func slow() throws {
        let slow = try TabularModel(contentsOf: DemoFiles.model("slow"))
        let good = try TabularModel(contentsOf: DemoFiles.model("v2"))
        #expect(slow.smoothing?.copies == 4_000)
        #expect(slow.estimator == good.estimator)
    }
}
