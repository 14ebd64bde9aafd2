/// Hexadecimal digits.
package enum Hex {
    private static let lower = Array("0123456789abcdef".utf8)
    private static let upper = Array("0123456789ABCDEF".utf8)

    /// Two digits a byte, in lower case.
    package static func text(_ bytes: some Sequence<UInt8>) -> String {
        String(decoding: bytes.flatMap { digits(of: $0) }, as: UTF8.self)
    }

    /// At least `digits` digits, in lower case.
    package static func text(_ number: UInt64, digits: Int, isUpper: Bool = false) -> String {
        let text = String(number, radix: 16, uppercase: isUpper)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }

    package static func digits(of byte: UInt8, isUpper: Bool = false) -> [UInt8] {
        let digits = isUpper ? upper : lower
        return [digits[Int(byte >> 4)], digits[Int(byte & 0xF)]]
    }

    /// Of one digit; nil where it is none.
    @inlinable
    package static func value(of digit: UInt8) -> Int? {
        switch digit {
        case 0x30...0x39: Int(digit - 0x30)
        case 0x41...0x46: Int(digit - 0x37)
        case 0x61...0x66: Int(digit - 0x57)
        default: nil
        }
    }

    /// Nothing but digits, of either case; so is an empty text.
    package static func isHex(_ text: some StringProtocol) -> Bool {
        text.utf8.allSatisfy { value(of: $0) != nil }
    }
}
