extension Escape {
    static let labelBytes = 63

    /// A label value: letters, digits, `-`, `_` and `.`, with a letter or digit at both ends, at most 63 bytes. Other characters
    /// become `_`, so two texts may have the same value.
    public static func labelValue(_ text: String) -> String {
        var kept: [UInt8] = []
        for scalar in text.unicodeScalars {
            guard kept.count < labelBytes else { break }
            let byte = scalar.isASCII ? UInt8(scalar.value) : 0
            let isAllowed = isAlphanumeric(byte) || [0x2D, 0x2E, 0x5F].contains(byte)
            if kept.isEmpty, !isAlphanumeric(byte) { continue }
            kept.append(isAllowed ? byte : 0x5F)
        }
        while let last = kept.last, !isAlphanumeric(last) { kept.removeLast() }
        return String(decoding: kept, as: UTF8.self)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }
}
