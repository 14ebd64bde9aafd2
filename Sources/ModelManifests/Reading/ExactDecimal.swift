/// An exact decimal number without sign: `digits` × 10^`exponent`.
struct ExactDecimal: Hashable {
    private(set) var digits: Int128
    private(set) var exponent: Int

    /// Parses `12`, `1.5`, `.5` or `2.`.
    /// - Returns: nil for any other text, and for more than 30 digits.
    init?(_ text: some StringProtocol) {
        let digitLimit = 30
        var digits: Int128 = 0
        var exponent = 0
        var count = 0
        var hasPoint = false
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                count += 1
                guard count <= digitLimit else { return nil }
                digits = digits * 10 + Int128(byte - UInt8(ascii: "0"))
                if hasPoint { exponent -= 1 }
            case UInt8(ascii: ".") where !hasPoint: hasPoint = true
            default: return nil
            }
        }
        guard count > 0 else { return nil }
        self.digits = digits
        self.exponent = exponent
    }

    mutating func scale(byPowerOfTen power: Int) { exponent += power }

    /// The number multiplied by a factor.
    /// - Returns: nil where the result is not a whole number or has more than 37 digits.
    func times(_ factor: Int128) -> Int128? {
        guard digits != 0 else { return 0 }
        var (value, overflow) = digits.multipliedReportingOverflow(by: factor)
        guard !overflow else { return nil }
        let exponentLimit = 40
        guard abs(exponent) <= exponentLimit else { return nil }
        for _ in 0..<abs(exponent) {
            if exponent > 0 {
                (value, overflow) = value.multipliedReportingOverflow(by: 10)
                guard !overflow else { return nil }
            } else {
                guard value % 10 == 0 else { return nil }
                value /= 10
            }
        }
        return value
    }
}
