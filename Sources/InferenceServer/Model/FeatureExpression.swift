import Foundation

/// How a feature is computed from a row's inputs: the name of an input, a number, or `[operator, argument…]`.
///
/// Operators: `+ - * /` with two arguments, `log` (natural) with one. Arithmetic is IEEE 754 double precision, as in NumPy: the
/// logarithm of zero is −∞, that of a negative number is NaN. The caller must check the value.
indirect enum FeatureExpression: Hashable, Sendable {
    case input(Int)
    case constant(Double)
    case add(FeatureExpression, FeatureExpression)
    case subtract(FeatureExpression, FeatureExpression)
    case multiply(FeatureExpression, FeatureExpression)
    case divide(FeatureExpression, FeatureExpression)
    case log(FeatureExpression)

    func value(of row: [Double]) -> Double {
        switch self {
        case .input(let index): row[index]
        case .constant(let constant): constant
        case .add(let left, let right): left.value(of: row) + right.value(of: row)
        case .subtract(let left, let right): left.value(of: row) - right.value(of: row)
        case .multiply(let left, let right): left.value(of: row) * right.value(of: row)
        case .divide(let left, let right): left.value(of: row) / right.value(of: row)
        case .log(let argument): Foundation.log(argument.value(of: row))
        }
    }
}

extension FeatureExpression {
    /// The largest depth of an expression.
    static let maximumDepth = 32

    /// - Throws: `ModelFileProblem` for an unknown input or operator, a wrong number of arguments, or too much depth.
    init(_ written: EncodedExpression, inputs: [String: Int], depth: Int = 0) throws(ModelFileProblem) {
        guard depth < Self.maximumDepth else {
            throw ModelFileProblem("an expression is nested deeper than \(Self.maximumDepth); write it flatter")
        }
        switch written {
        case .name(let name):
            guard let index = inputs[name] else {
                throw ModelFileProblem("an expression reads '\(name)', which is not among the inputs")
            }
            self = .input(index)
        case .number(let number):
            self = .constant(number)
        case .call(let operation, let written):
            var arguments: [FeatureExpression] = []
            for argument in written {
                arguments.append(try FeatureExpression(argument, inputs: inputs, depth: depth + 1))
            }
            switch (operation, arguments.count) {
            case ("+", 2): self = .add(arguments[0], arguments[1])
            case ("-", 2): self = .subtract(arguments[0], arguments[1])
            case ("*", 2): self = .multiply(arguments[0], arguments[1])
            case ("/", 2): self = .divide(arguments[0], arguments[1])
            case ("log", 1): self = .log(arguments[0])
            default:
                throw ModelFileProblem(
                    "'\(operation)' with \(arguments.count) arguments is unknown: use + - * / with two arguments, log with one"
                )
            }
        }
    }
}

/// An expression as written in the file, before its names are resolved.
enum EncodedExpression: Hashable, Sendable, Decodable {
    case name(String)
    case number(Double)
    case call(String, [EncodedExpression])

    init(from decoder: any Decoder) throws {
        if let single = try? decoder.singleValueContainer() {
            if let name = try? single.decode(String.self) {
                self = .name(name)
                return
            }
            if let number = try? single.decode(Double.self) {
                self = .number(number)
                return
            }
        }
        var list = try decoder.unkeyedContainer()
        let operation = try list.decode(String.self)
        var arguments: [EncodedExpression] = []
        while !list.isAtEnd, arguments.count < 3 { arguments.append(try list.decode(EncodedExpression.self)) }
        self = .call(operation, arguments)
    }
}
