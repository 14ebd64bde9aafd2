extension UInt8 {
    @inlinable package static var tab: UInt8 { 0x09 }
    @inlinable package static var lineFeed: UInt8 { 0x0a }
    @inlinable package static var carriageReturn: UInt8 { 0x0d }
    @inlinable package static var space: UInt8 { 0x20 }
    @inlinable package static var asterisk: UInt8 { 0x2a }
    @inlinable package static var slash: UInt8 { 0x2f }
    @inlinable package static var questionMark: UInt8 { 0x3f }
    @inlinable package static var comma: UInt8 { 0x2c }
    @inlinable package static var colon: UInt8 { 0x3a }
    @inlinable package static var semicolon: UInt8 { 0x3b }
    @inlinable package static var equals: UInt8 { 0x3d }

    /// `tchar` of RFC 9110, 5.6.2: ! # $ % & ' * + - . ^ _ ` | ~ digits and letters.
    @inlinable @inline(__always)
    package var isToken: Bool {
        // One bit for each of the 128 characters.
        let low: UInt64 = 0x03ff_6cfa_0000_0000
        let high: UInt64 = 0x57ff_ffff_c7ff_fffe
        let bits = self < 64 ? low : high
        return self < 128 && (bits >> UInt64(self & 63)) & 1 == 1
    }

    /// What may stand in a field's value: tab, space, visible characters, and bytes over 127.
    @inlinable @inline(__always)
    package var isFieldContent: Bool { (self >= 0x20 && self != 0x7f) || self == .tab }

    /// What may stand in a request's target: visible ASCII.
    @inlinable @inline(__always)
    package var isTarget: Bool { self > 0x20 && self < 0x7f }

    @inlinable @inline(__always)
    package var isDigit: Bool { self >= 0x30 && self <= 0x39 }

    @inlinable @inline(__always)
    package var lowercased: UInt8 { self >= 0x41 && self <= 0x5a ? self | 0x20 : self }
}
