extension UInt8 {
    static let tab: UInt8 = 0x09
    static let lineFeed: UInt8 = 0x0a
    static let carriageReturn: UInt8 = 0x0d
    static let space: UInt8 = 0x20
    static let asterisk: UInt8 = 0x2a
    static let slash: UInt8 = 0x2f
    static let questionMark: UInt8 = 0x3f
    static let comma: UInt8 = 0x2c
    static let colon: UInt8 = 0x3a
    static let semicolon: UInt8 = 0x3b
    static let equals: UInt8 = 0x3d

    /// `tchar` of RFC 9110, section 5.6.2: ! # $ % & ' * + - . ^ _ ` | ~ digits and letters.
    @inline(__always)
    var isToken: Bool {
        // One bit per character, for 128 characters.
        let low: UInt64 = 0x03ff_6cfa_0000_0000
        let high: UInt64 = 0x57ff_ffff_c7ff_fffe
        let bits = self < 64 ? low : high
        return self < 128 && (bits >> UInt64(self & 63)) & 1 == 1
    }

    /// Characters allowed in a field's value: tab, space, visible characters, and bytes over 127.
    @inline(__always)
    var isFieldContent: Bool { (self >= 0x20 && self != 0x7f) || self == .tab }

    /// Characters allowed in a request's target: visible ASCII.
    @inline(__always)
    var isTarget: Bool { self > 0x20 && self < 0x7f }

    @inline(__always)
    var isDigit: Bool { self >= 0x30 && self <= 0x39 }

    @inline(__always)
    var lowercased: UInt8 { self >= 0x41 && self <= 0x5a ? self | 0x20 : self }

    var hexValue: Int? {
        switch self {
        case 0x30...0x39: Int(self - 0x30)
        case 0x41...0x46: Int(self - 0x37)
        case 0x61...0x66: Int(self - 0x57)
        default: nil
        }
    }

    /// Characters allowed in a request ID, which is copied into logs, reports and headers.
    @inline(__always)
    var isRequestId: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
        case 0x2b, 0x2d, 0x2e, 0x2f, 0x3a, 0x3d, 0x40, 0x5f: true  // + - . / : = @ _
        default: false
        }
    }
}
