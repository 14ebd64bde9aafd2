/// The type of a scalar without quotes, by the core schema of YAML 1.2: `yes` and `on` are text.
enum PlainScalar {
    static func isBool(_ text: String) -> Bool { bool(text) != nil }

    static func isNumber(_ text: String) -> Bool { number(text) != nil }

    static func bool(_ node: SourceNode) -> Bool? { plainText(node).flatMap(bool) }

    static func integer(_ node: SourceNode) -> Int? { plainText(node).flatMap(integer) }

    static func number(_ node: SourceNode) -> Double? { plainText(node).flatMap(number) }

    private static func plainText(_ node: SourceNode) -> String? {
        guard case .scalar(let text, isPlain: true) = node.content else { return nil }
        return text
    }

    private static func bool(_ text: String) -> Bool? {
        switch text {
        case "true", "True", "TRUE": true
        case "false", "False", "FALSE": false
        default: nil
        }
    }

    /// Parses `12`, `-3`, `1_000`, `0x1F`, `0o17`. `010` is refused: some readers take it for eight, others for ten.
    static func integer(_ text: String) -> Int? {
        var digits = text.utf8[...]
        let sign = digits.first == UInt8(ascii: "-") ? "-" : ""
        if digits.first == UInt8(ascii: "-") || digits.first == UInt8(ascii: "+") { digits.removeFirst() }
        guard let first = digits.first, isDigit(first) else { return nil }
        guard first == UInt8(ascii: "0"), digits.count > 1 else { return integer(sign, digits, radix: 10) }
        let radixes: [UInt8: Int] = [UInt8(ascii: "x"): 16, UInt8(ascii: "o"): 8]
        return radixes[digits[digits.index(after: digits.startIndex)]].flatMap { radix in
            integer(sign, digits.dropFirst(2), radix: radix)
        }
    }

    private static func integer(_ sign: String, _ digits: Substring.UTF8View, radix: Int) -> Int? {
        let plain = digits.contains(UInt8(ascii: "_")) ? digits.filter { $0 != UInt8(ascii: "_") } : Array(digits)
        // `Int` would accept another sign here.
        guard plain.first.map({ $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: "+") }) ?? false else { return nil }
        return Int(sign + String(decoding: plain, as: UTF8.self), radix: radix)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// Parses an integer or a decimal of JSON; the point may be at either end. Infinity and "not a number" are refused.
    static func number(_ text: String) -> Double? {
        guard let first = text.utf8.first, isDigit(first) || "+-.".utf8.contains(first) else { return nil }
        if let whole = integer(text) { return Double(whole) }
        let isDecimal = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "+"),
                UInt8(ascii: "e"), UInt8(ascii: "E"):
                true
            default: false
            }
        }
        guard isDecimal, let number = Double(text), number.isFinite else { return nil }
        return number
    }

    /// A suggestion where a number was expected.
    static func numberSuggestion(_ node: SourceNode) -> String? {
        guard let text = node.text else { return nil }
        if number(text) != nil { return "write it without quotes" }
        guard text.hasSuffix("%"), let percent = number(String(text.dropLast())) else { return nil }
        return "did you mean \(percent / 100)?"
    }
}
