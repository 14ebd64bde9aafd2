/// Parses a condition by the precedence of its operators.
struct ThresholdExpressionParser {
    private let bytes: [UInt8]
    private var position = 0

    static func parse(_ text: String) throws(ThresholdExpression.Fault) -> ThresholdExpressionTerm {
        guard text.utf8.count <= ThresholdExpression.bytesLimit else {
            throw ThresholdExpression.Fault(message: "is longer than \(ThresholdExpression.bytesLimit) bytes")
        }
        var parser = ThresholdExpressionParser(bytes: Array(text.utf8))
        let term = try parser.term(above: 0, depth: 0)
        guard parser.peek() == nil else { throw parser.fault("expected an operator, not '\(parser.rest)'") }
        guard term.isTruth else {
            throw ThresholdExpression.Fault(message: "is a number; compare it with another number")
        }
        guard term.looksAtValue else {
            throw ThresholdExpression.Fault(
                message: "does not use 'value', so it has the same result for every measurement")
        }
        return term
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    /// A term with everything that operators above `precedence` join to it.
    private mutating func term(above precedence: Int, depth: Int) throws(ThresholdExpression.Fault)
        -> ThresholdExpressionTerm
    {
        var left = try operand(depth: depth)
        while let sign = nextOperator(), sign.precedence > precedence {
            try check(left, is: sign.takesTruths, for: sign)
            position += sign.rawValue.utf8.count
            let right = try term(above: sign.precedence, depth: depth)
            try check(right, is: sign.takesTruths, for: sign)
            left = .joined(left, sign, right)
        }
        return left
    }

    private mutating func operand(depth: Int) throws(ThresholdExpression.Fault) -> ThresholdExpressionTerm {
        guard let byte = peek() else { throw fault("it ends where a number or 'value' is expected") }
        guard depth < ThresholdExpression.depthLimit else {
            throw fault("it has more than \(ThresholdExpression.depthLimit) nested levels")
        }
        switch byte {
        case UInt8(ascii: "("):
            position += 1
            let inner = try term(above: 0, depth: depth + 1)
            guard peek() == UInt8(ascii: ")") else { throw fault("expected ')'") }
            position += 1
            return inner
        case UInt8(ascii: "-"):
            position += 1
            let number = try operand(depth: depth + 1)
            guard !number.isTruth else { throw fault("'-' is for numbers, but stands before a comparison") }
            return .minus(number)
        case UInt8(ascii: "!"):
            position += 1
            let truth = try operand(depth: depth + 1)
            guard truth.isTruth else { throw fault("'!' stands before a number; put the comparison in parentheses") }
            return .not(truth)
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."): return try number()
        default: return try name()
        }
    }

    private mutating func number() throws(ThresholdExpression.Fault) -> ThresholdExpressionTerm {
        let start = position
        skip(while: Self.isDigit)
        if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            position += 1
            if position < bytes.count, "+-".utf8.contains(bytes[position]) { position += 1 }
            skip(while: Self.isDigit)
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        guard let number = Double(text), number.isFinite else {
            position = start
            throw fault("'\(text.shortened)' is not a number")
        }
        return .number(number)
    }

    private mutating func name() throws(ThresholdExpression.Fault) -> ThresholdExpressionTerm {
        let start = position
        skip { Self.isDigit($0) || Self.isLetter($0) }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        guard text != "value" else { return .value }
        position = start
        guard !text.isEmpty else { throw fault("expected a number or 'value', not '\(rest)'") }
        throw fault("'\(text.shortened)' is unknown: the measurement is called 'value'")
    }

    /// The operator that comes next; it is not consumed.
    private mutating func nextOperator() -> ThresholdExpressionTerm.Operator? {
        guard peek() != nil else { return nil }
        // Operators of two characters are tried first: `<=` is not `<`.
        return ThresholdExpressionTerm.Operator.allCases.first { bytes[position...].starts(with: $0.rawValue.utf8) }
    }

    private func check(
        _ term: ThresholdExpressionTerm, is truth: Bool, for sign: ThresholdExpressionTerm.Operator
    ) throws(ThresholdExpression.Fault) {
        guard term.isTruth != truth else { return }
        throw fault(
            truth
                ? "'\(sign.rawValue)' joins comparisons, not numbers"
                : "'\(sign.rawValue)' takes numbers, not comparisons; join comparisons with &&")
    }

    private mutating func peek() -> UInt8? {
        skip { $0 == 0x20 || (0x09...0x0D).contains($0) }
        return position < bytes.count ? bytes[position] : nil
    }

    private mutating func skip(while holds: (UInt8) -> Bool) {
        while position < bytes.count, holds(bytes[position]) { position += 1 }
    }

    private var rest: String { String(decoding: bytes[position...].prefix(20), as: UTF8.self) }

    private func fault(_ message: String) -> ThresholdExpression.Fault {
        ThresholdExpression.Fault(message: "\(message) (at character \(position + 1))")
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: ".")
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte == UInt8(ascii: "_")
    }
}
