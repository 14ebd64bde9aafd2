import Foundation
import TestSupport
import Testing

@testable import ModelManifests

@Suite struct ThresholdExpressionTests {
    @Test(
        "is evaluated with the operator precedence of C",
        arguments: [
            ("value < 0.25", 0.2, true), ("value < 0.25", 0.25, false), ("value <= 0.25", 0.25, true),
            ("value>0.25", 0.3, true), ("value >= 1e-3", 0.001, true), ("value == 3", 3, true),
            ("value != 3", 3, false),
            ("value < 0.25 && value > 0", 0.1, true), ("value < 0.25 && value > 0", 0, false),
            ("value < 1 || value > 9", 10, true), ("value < 1 || value > 9", 5, false),
            ("value < 1 || value > 9 && value < 8", 0, true), ("(value < 1 || value > 9) && value < 8", 0, true),
            ("(value < 1 || value > 9) && value > 8", 0, false), ("!(value < 1)", 1, true),
            ("!(value < 1) && value < 3", 4, false), ("value - 1 - 1 == 1", 3, true), ("value / 2 / 2 == 1", 4, true),
            ("1 + value * 2 == 7", 3, true), ("(1 + value) * 2 == 8", 3, true), ("-value < -2", 3, true),
            ("- - value == 3", 3, true), ("value < -.5", -1, true), ("value * -2 == 6", -3, true),
            ("\tvalue\n>\r1", 2, true), ("((value)) > ((1))", 2, true), ("!!(value > 1)", 2, true),
        ])
    func holds(text: String, value: Double, wanted: Bool) throws {
        #expect(try ThresholdExpression(text).holds(of: value) == wanted)
    }

    @Test(
        "a value that is not finite meets no condition, not even !=",
        arguments: ["value < 1", "!(value < 1)", "value != 0", "value == value", "value > 0 || value <= 0"])
    func notFinite(text: String) throws {
        let condition = try ThresholdExpression(text)
        for value in [Double.nan, .infinity, -.infinity, .signalingNaN] { #expect(!condition.holds(of: value)) }
    }

    @Test(
        "an intermediate result that is not finite meets no condition, unless it is not needed",
        arguments: [
            ("1 / value < 5", false), ("!(1 / value < 5)", false), ("1 / value > 5", false),
            ("0 / value == 0 || 0 / value != 0", false), ("value == 0 || 1 / value < 5", true),
            ("1 / value < 5 || value == 0", false), ("value != 0 && 1 / value < 5", false),
            ("1e308 * 1e308 * value == 0", false),
        ])
    func notFiniteOnTheWay(text: String, wanted: Bool) throws {
        #expect(try ThresholdExpression(text).holds(of: 0) == wanted)
    }

    @Test(
        "an error says what is wrong, and where",
        arguments: [
            ("", "it ends where a number or 'value' is expected (at character 1)"),
            ("value <", "it ends where a number or 'value' is expected (at character 8)"),
            ("value", "is a number; compare it with another number"),
            ("value + 1", "is a number; compare it with another number"),
            ("1 < 2", "does not use 'value', so it has the same result for every measurement"),
            ("result < 2", "'result' is unknown: the measurement is called 'value' (at character 1)"),
            ("value < max", "'max' is unknown: the measurement is called 'value' (at character 9)"),
            ("value = 2", "expected an operator, not '= 2' (at character 7)"),
            ("value < 5%", "expected an operator, not '%' (at character 10)"),
            ("value < 10ms", "expected an operator, not 'ms' (at character 11)"),
            ("value < 1.2.3", "'1.2.3' is not a number (at character 9)"),
            ("value < 1e999", "'1e999' is not a number (at character 9)"),
            ("value < 1e", "'1e' is not a number (at character 9)"),
            ("value < .", "'.' is not a number (at character 9)"),
            ("0 < value < 1", "'<' takes numbers, not comparisons; join comparisons with && (at character 11)"),
            ("value && value > 1", "'&&' joins comparisons, not numbers (at character 7)"),
            ("value > 1 || 2", "'||' joins comparisons, not numbers (at character 15)"),
            ("1 + (value < 2)", "'+' takes numbers, not comparisons; join comparisons with && (at character 16)"),
            ("!value", "'!' stands before a number; put the comparison in parentheses (at character 7)"),
            ("-(value < 1)", "'-' is for numbers, but stands before a comparison (at character 13)"),
            ("(value < 1", "expected ')' (at character 11)"),
            ("value < 1)", "expected an operator, not ')' (at character 10)"),
            ("value < 'a'", "expected a number or 'value', not ''a'' (at character 9)"),
            ("value ≤ 1", "expected an operator, not '≤ 1' (at character 7)"),
        ])
    func faults(text: String, wanted: String) {
        let fault = #expect(throws: ThresholdExpression.Fault.self) { try ThresholdExpression(text) }
        #expect(fault?.message == wanted)
    }

    @Test("length and depth are bounded")
    func bounds() throws {
        let deep = { (levels: Int) in
            String(repeating: "(", count: levels) + "value < 1" + String(repeating: ")", count: levels)
        }
        #expect(try ThresholdExpression(deep(ThresholdExpression.depthLimit - 1)).holds(of: 0))
        let tooDeep = #expect(throws: ThresholdExpression.Fault.self) {
            try ThresholdExpression(deep(ThresholdExpression.depthLimit))
        }
        #expect(tooDeep?.message == "it has more than 32 nested levels (at character 33)")
        let signs = #expect(throws: ThresholdExpression.Fault.self) {
            try ThresholdExpression(String(repeating: "-", count: 100) + "value < 1")
        }
        #expect(signs?.message == "it has more than 32 nested levels (at character 33)")
        let long = "value < 1" + String(repeating: "||value<1", count: 55)
        #expect(long.utf8.count == 504)
        #expect(try ThresholdExpression(long).holds(of: 0))
        let tooLong = #expect(throws: ThresholdExpression.Fault.self) { try ThresholdExpression(long + "||value<1") }
        #expect(tooLong?.message == "is longer than 512 bytes")
    }

    @Test("is encoded in JSON as its text, and decoding refuses text that is not a condition")
    func coding() throws {
        let condition = try ThresholdExpression("value < 0.25 && value > 0")
        let data = try JSONEncoder().encode([condition])
        #expect(String(decoding: data, as: UTF8.self) == "[\"value < 0.25 && value > 0\"]")
        #expect(try JSONDecoder().decode([ThresholdExpression].self, from: data) == [condition])
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([ThresholdExpression].self, from: Data("[\"value\"]".utf8))
        }
    }

    /// Every text is a condition or an error, and a condition can be evaluated for every number.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func `parsing every text terminates`(seed: UInt64) {
        let words = ["(", ")", "<", "!", "-", "/", " ", "x", "é", "=", "value"]
        let operands = ["value", "1", "2.5", "(value", "value)", "-1"]
        let operators = ["<", ">=", "&&", "||", "+", "*", "=="]
        var random = SeededRandom(seed: seed)
        var conditions = 0
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 1...9, using: &random)).map { index in
                let isStray = Int.random(in: 0..<10, using: &random) == 0
                let choice = isStray ? words : index.isMultiple(of: 2) ? operands : operators
                return choice.randomElement(using: &random) ?? ""
            }.joined()
            guard let condition = try? ThresholdExpression(text) else { continue }
            conditions += 1
            let holds = condition.holds(of: .nan)
            #expect(!holds, "seed \(seed): \(text)")
            #expect(text.contains("value"))
        }
        #expect(conditions > 200, "seed \(seed)")
    }

    @Test("a threshold's condition is parsed with the manifest, and its error has the place")
    func inManifests() {
        func problems(_ condition: String) -> [String] {
            Manifests.problems(
                Manifests.deployment(
                    spec: "rollout: {gates: [{name: g, threshold: {metric: errors, condition: '\(condition)'}}]}"))
        }
        #expect(problems("value < 0.25 && value > 0") == [])
        let found = problems("value < ")
        #expect(found.count == 1)
        let message = "condition: it ends where a number or 'value' is expected (at character 9)"
        let hasMessage = found.first?.contains(message) == true
        #expect(hasMessage, "\(found)")
    }
}
