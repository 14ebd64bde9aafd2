/// Quantities in the notation of Kubernetes: `500m`, `2`, `1.5`, `4Gi`, `1e3`.
///
/// Source: the Kubernetes API reference, "Quantity". Signs are not allowed, because no amount here is negative.
struct Quantity: Hashable {
    private var number: ExactDecimal
    private var factor: Int128

    private static let binarySuffixes: [String: Int128] = [
        "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "Pi": 1 << 50, "Ei": 1 << 60,
    ]
    private static let decimalPowers: [String: Int] = [
        "": 0, "n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18,
    ]

    static let pattern = "^([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]{1,2})?$"

    /// - Returns: nil where the text is not a quantity.
    init?(_ text: String) {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard let number = ExactDecimal(digits) else { return nil }
        let suffix = String(text.dropFirst(digits.count))
        self.number = number
        factor = 1
        if let binary = Self.binarySuffixes[suffix] {
            factor = binary
        } else if let power = Self.decimalPowers[suffix] {
            self.number.scale(byPowerOfTen: power)
        } else if suffix.first == "e" || suffix.first == "E", let power = Int(suffix.dropFirst()), abs(power) <= 18 {
            self.number.scale(byPowerOfTen: power)
        } else {
            return nil
        }
    }

    /// The quantity in units of 1/`perUnit`.
    /// - Returns: nil where the result is not a whole number, or does not fit.
    func whole(perUnit: Int = 1) -> Int? {
        number.times(factor * Int128(perUnit)).flatMap(Int.init(exactly:))
    }

    /// A suggestion for a misspelt suffix: `4gi`, `4GB`, `4 Gi`.
    static func suggestion(for text: String) -> String? {
        let compact = text.replacing(" ", with: "")
        let digits = compact.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard ExactDecimal(digits) != nil else { return nil }
        var unit = compact.dropFirst(digits.count).lowercased()
        if unit.hasSuffix("b") { unit.removeLast() }
        let known = Array(binarySuffixes.keys) + Array(decimalPowers.keys)
        return known.filter { $0.lowercased() == unit }.min().map { "did you mean '\(digits)\($0)'?" }
    }
}
