/// Undoes one way of escaping, byte by byte. What is no escape is handed on as it is.
struct EscapeReader: Sendable {
    enum Style: Sendable {
        /// `%2F`, with any byte escaped and any not (RFC 3986).
        case percent
        /// The same, where `+` is a blank: forms and queries.
        case form
        /// `\n`, `\u0041`, `\x41`: JSON, and the languages that write text like it.
        case backslash
    }

    /// A byte of what the text says, and where in the text it was written.
    struct Unescaped {
        var byte: UInt8
        var place: Range<Int>
        var wasEscaped: Bool
    }

    let style: Style
    /// The beginning of what may be an escape.
    private(set) var pending: [UInt8] = []
    private(set) var pendingStart = 0

    private static let percent = UInt8(ascii: "%")
    private static let backslash = UInt8(ascii: "\\")
    /// Of `\uD83D`.
    private static let unitBytes = 6

    init(_ style: Style) { self.style = style }

    func begins(with byte: UInt8) -> Bool {
        switch style {
        case .percent: byte == Self.percent
        case .form: byte == Self.percent || byte == UInt8(ascii: "+")
        case .backslash: byte == Self.backslash
        }
    }

    /// - Parameter place: of the byte in the text; one more with each byte.
    mutating func take(_ byte: UInt8, at place: Int, _ hand: (Unescaped) -> Void) {
        guard !pending.isEmpty else {
            if byte == (style == .backslash ? Self.backslash : Self.percent) {
                pending.append(byte)
                pendingStart = place
            } else if style == .form, byte == UInt8(ascii: "+") {
                hand(Unescaped(byte: 0x20, place: place..<place + 1, wasEscaped: true))
            } else {
                hand(Unescaped(byte: byte, place: place..<place + 1, wasEscaped: false))
            }
            return
        }
        switch style {
        case .percent, .form: takeDigit(byte, at: place, hand)
        case .backslash: takeEscape(byte, at: place, hand)
        }
    }

    private mutating func takeDigit(_ byte: UInt8, at place: Int, _ hand: (Unescaped) -> Void) {
        guard Self.digit(byte) != nil else { return giveUp(byte, at: place, hand) }
        pending.append(byte)
        if pending.count == 3 { finish([UInt8(value(from: 1))], at: place, hand) }
    }

    private mutating func takeEscape(_ byte: UInt8, at place: Int, _ hand: (Unescaped) -> Void) {
        switch pending.count {
        case 1:
            switch byte {
            case UInt8(ascii: "u"), UInt8(ascii: "x"): pending.append(byte)
            case UInt8(ascii: "n"): finish([0x0A], at: place, hand)
            case UInt8(ascii: "r"): finish([0x0D], at: place, hand)
            case UInt8(ascii: "t"): finish([0x09], at: place, hand)
            case UInt8(ascii: "b"): finish([0x08], at: place, hand)
            case UInt8(ascii: "f"): finish([0x0C], at: place, hand)
            case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "/"), Self.backslash:
                finish([byte], at: place, hand)
            default: giveUp(byte, at: place, hand)
            }
        case Self.unitBytes where byte == Self.backslash, Self.unitBytes + 1 where byte == UInt8(ascii: "u"):
            pending.append(byte)
        case Self.unitBytes, Self.unitBytes + 1: giveUp(byte, at: place, hand)
        default:
            guard Self.digit(byte) != nil else { return giveUp(byte, at: place, hand) }
            pending.append(byte)
            takeNumber(at: place, hand)
        }
    }

    /// A digit was the last: the number may be whole.
    private mutating func takeNumber(at place: Int, _ hand: (Unescaped) -> Void) {
        if pending[1] == UInt8(ascii: "x") {
            if pending.count == 4 { finish([UInt8(value(from: 2))], at: place, hand) }
            return
        }
        switch pending.count {
        case Self.unitBytes:
            let unit = value(from: 2)
            if let scalar = Unicode.Scalar(unit) {
                finish(Array(String(scalar).utf8), at: place, hand)
            } else if !UTF16.isLeadSurrogate(UInt16(unit)) {
                handOn(pending.count, hand)
            }
        case 2 * Self.unitBytes:
            let (lead, trail) = (value(from: 2, count: 4), value(from: 8))
            if UTF16.isTrailSurrogate(UInt16(trail)),
                let scalar = Unicode.Scalar(0x10000 + (lead - 0xD800) << 10 + (trail - 0xDC00))
            {
                finish(Array(String(scalar).utf8), at: place, hand)
            } else {
                handOnFirst(hand)
            }
        default: break
        }
    }

    /// It was an escape, and says these bytes.
    private mutating func finish(_ bytes: [UInt8], at place: Int, _ hand: (Unescaped) -> Void) {
        let written = pendingStart..<place + 1
        pending.removeAll(keepingCapacity: true)
        for byte in bytes { hand(Unescaped(byte: byte, place: written, wasEscaped: true)) }
    }

    /// It was no escape; what comes may begin one.
    private mutating func giveUp(_ byte: UInt8, at place: Int, _ hand: (Unescaped) -> Void) {
        if pending.count > Self.unitBytes {
            handOnFirst(hand)
        } else {
            handOn(pending.count, hand)
        }
        take(byte, at: place, hand)
    }

    /// The first half of a pair is none: the second is read by itself.
    private mutating func handOnFirst(_ hand: (Unescaped) -> Void) {
        let rest = Array(pending[Self.unitBytes...])
        let start = pendingStart + Self.unitBytes
        handOn(Self.unitBytes, hand)
        for (offset, byte) in rest.enumerated() { take(byte, at: start + offset, hand) }
    }

    private mutating func handOn(_ count: Int, _ hand: (Unescaped) -> Void) {
        for (offset, byte) in pending.prefix(count).enumerated() {
            let place = pendingStart + offset
            hand(Unescaped(byte: byte, place: place..<place + 1, wasEscaped: false))
        }
        pending.removeAll(keepingCapacity: true)
    }

    private func value(from start: Int, count: Int? = nil) -> UInt32 {
        pending[start...].prefix(count ?? pending.count).reduce(0) { $0 << 4 | UInt32(Self.digit($1) ?? 0) }
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
