/// What a scalar without quotes stands for, by YAML 1.2's core schema: `yes` and `on` are text.
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

    /// `12`, `-3`, `1_000`, `0x1F`, `0o17`. `010` is refused: eight to some readers, ten to others.
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
        // `Int` takes a sign of its own.
        guard plain.first.map({ $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: "+") }) ?? false else { return nil }
        return Int(sign + String(decoding: plain, as: UTF8.self), radix: radix)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// An integer, or a decimal as JSON has it, with a point at either end if need be. Neither infinity nor "not a number".
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

    /// For what should have been a number.
    static func numberSuggestion(_ node: SourceNode) -> String? {
        guard let text = node.text else { return nil }
        if number(text) != nil { return "write it without quotes" }
        guard text.hasSuffix("%"), let percent = number(String(text.dropLast())) else { return nil }
        return "did you mean \(percent / 100)?"
    }
}
