/// Checks counts in JSON. A number too large to be a real count is refused when it is read, so that no sum or
/// difference of counts can overflow.
package enum JSONCountLimits {
    /// 2⁵³: a request every nanosecond for a hundred days.
    package static let most = 1 << 53
    /// Numbers with fewer digits cannot be larger than `most`.
    private static let fewestDigits = 16
    /// From here on a number does not fit an `Int` and is not read as a count.
    private static let unreadable = 1e19
    /// The most characters of a number that are examined.
    private static let longest = 64

    /// - Parameter json: the bytes, which need not be valid JSON.
    /// - Returns: the first number that would be read as a count and whose size is larger than `most`, as it is
    ///   written. Nil if there is none.
    package static func excess(in json: some Sequence<UInt8>) -> String? {
        var token: [UInt8] = []
        var isInText = false
        var isEscaped = false
        for byte in json {
            if isInText {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInText = false
                }
                continue
            }
            if isPartOfNumber(byte) {
                if token.count < longest { token.append(byte) }
                continue
            }
            if isExcess(token) { return String(decoding: token, as: UTF8.self) }
            token.removeAll(keepingCapacity: true)
            isInText = byte == UInt8(ascii: "\"")
        }
        return isExcess(token) ? String(decoding: token, as: UTF8.self) : nil
    }

    private static func isPartOfNumber(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
            UInt8(ascii: "e"), UInt8(ascii: "E"):
            true
        default: false
        }
    }

    private static func isExcess(_ token: [UInt8]) -> Bool {
        let isLong = token.count >= fewestDigits
        guard isLong || token.contains(UInt8(ascii: "e")) || token.contains(UInt8(ascii: "E")),
            let value = Double(String(decoding: token, as: UTF8.self))?.magnitude
        else { return false }
        return value > Double(most) && value < unreadable
    }
}
