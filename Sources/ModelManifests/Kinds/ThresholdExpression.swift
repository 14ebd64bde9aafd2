/// What must be true of a measured value: `value < 0.25 && value > 0`.
///
/// Numbers, `value`, `+ - * /`, comparisons, `&& || !` and parentheses, with C's precedence. Checked when it is read: it
/// must be a truth value and must use the value. Evaluation always ends.
package struct ThresholdExpression: Hashable, Sendable {
    package static let bytesLimit = 512
    /// The limit for nested parentheses and signs.
    package static let depthLimit = 32

    /// As written.
    package let text: String
    private let term: ThresholdExpressionTerm

    package struct Fault: Error, Hashable, Sendable {
        /// What is wrong, where, and what would be right.
        package var message: String
    }

    /// - Throws: `Fault` where the text is not a condition.
    package init(_ text: String) throws(Fault) {
        self.text = text
        term = try ThresholdExpressionParser.parse(text)
    }

    /// False where the value, or a number calculated from it, is not finite.
    package func holds(of value: Double) -> Bool { value.isFinite && term.result(of: value) == 1 }
}

extension ThresholdExpression: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        do throws(Fault) {
            try self.init(text)
        } catch {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.message)
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

/// A part of a condition: a number, or a truth value (1 or 0). `ThresholdExpressionParser` never mixes the two.
indirect enum ThresholdExpressionTerm: Hashable, Sendable {
    case value
    case number(Double)
    case minus(ThresholdExpressionTerm)
    case not(ThresholdExpressionTerm)
    case joined(ThresholdExpressionTerm, Operator, ThresholdExpressionTerm)

    /// In C's order of precedence: operators on later lines bind tighter.
    enum Operator: String, CaseIterable, Sendable {
        case or = "||"
        case and = "&&"
        case atMost = "<=", atLeast = ">=", equal = "==", unequal = "!=", below = "<", above = ">"
        case plus = "+", minus = "-"
        case times = "*", over = "/"

        var precedence: Int {
            switch self {
            case .or: 1
            case .and: 2
            case .atMost, .atLeast, .equal, .unequal, .below, .above: 3
            case .plus, .minus: 4
            case .times, .over: 5
            }
        }

        var takesTruths: Bool { precedence <= 2 }
        var givesTruth: Bool { precedence <= 3 }
    }

    var isTruth: Bool {
        switch self {
        case .value, .number, .minus: false
        case .not: true
        case .joined(_, let sign, _): sign.givesTruth
        }
    }

    var looksAtValue: Bool {
        switch self {
        case .value: true
        case .number: false
        case .minus(let term), .not(let term): term.looksAtValue
        case .joined(let left, _, let right): left.looksAtValue || right.looksAtValue
        }
    }

    /// - Returns: nil where a number is not finite. The right side is not evaluated where the left side decides.
    func result(of value: Double) -> Double? {
        switch self {
        case .value: return value
        case .number(let number): return number
        case .minus(let term): return term.result(of: value).map { -$0 }
        case .not(let term): return term.result(of: value).map { 1 - $0 }
        case .joined(let left, let sign, let right):
            guard let first = left.result(of: value) else { return nil }
            if sign == .and, first == 0 { return 0 }
            if sign == .or, first == 1 { return 1 }
            guard let second = right.result(of: value) else { return nil }
            let result = sign.result(first, second)
            return result.isFinite ? result : nil
        }
    }
}

extension ThresholdExpressionTerm.Operator {
    fileprivate func result(_ left: Double, _ right: Double) -> Double {
        switch self {
        case .or: max(left, right)
        case .and: min(left, right)
        case .atMost: left <= right ? 1 : 0
        case .atLeast: left >= right ? 1 : 0
        case .equal: left == right ? 1 : 0
        case .unequal: left != right ? 1 : 0
        case .below: left < right ? 1 : 0
        case .above: left > right ? 1 : 0
        case .plus: left + right
        case .minus: left - right
        case .times: left * right
        case .over: left / right
        }
    }
}
