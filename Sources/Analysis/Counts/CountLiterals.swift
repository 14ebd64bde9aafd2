/// Numbers in JSON that tell how many: what nobody can have counted is refused where it is read, so that no sum and no
/// difference of counts is more than a number holds.
public enum CountLiterals {
    /// 2⁵³: a request every nanosecond for a hundred days.
    public static let most = 1 << 53
    /// Digits of a number that may be more.
    private static let fewestDigits = 16
    /// From here on no `Int` holds it, and no count is read.
    private static let unreadable = 1e19
    /// Of a number that is looked at whole.
    private static let longest = 64

    /// - Parameter json: whether it is any is not asked.
    /// - Returns: the first number that is read as a count and is beyond `most`, in either direction, as it is written; nil
    ///   where there is none.
    public static func excess(in json: some Sequence<UInt8>) -> String? {
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
