/// Escapes text that becomes part of another language. Each language has a file.
///
/// # Guarantees
/// - Works on Unicode scalars. Swift's `Character` joins CR and LF, and a quote with the combining mark after it, so a
///   comparison of characters misses both.
/// - The output means the same as the input, or shows that something was left out.
package enum Escape {
    /// - Parameter replacement: the text in place of a scalar; nil keeps the scalar.
    static func scalars(of text: String, _ replacement: (Unicode.Scalar) -> String?) -> String {
        guard text.unicodeScalars.contains(where: { replacement($0) != nil }) else { return text }
        var escaped = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if let other = replacement(scalar) {
                escaped += other.unicodeScalars
            } else {
                escaped.append(scalar)
            }
        }
        return String(escaped)
    }
}

extension Unicode.Scalar {
    /// C0, DEL and C1: a terminal may take them for commands, and a log for the end of a line.
    var isControl: Bool { value < 0x20 || (0x7F...0x9F).contains(value) }

    /// Ends a line for some reader: a text file, a terminal, JavaScript.
    var endsLine: Bool { (0x0A...0x0D).contains(value) || [0x85, 0x2028, 0x2029].contains(value) }

    /// Changes how the text around it is shown, or is not shown itself: direction marks and overrides, zero-width
    /// characters, tags. Joiners of scripts and emoji (U+200C, U+200D) are left.
    var isInvisible: Bool {
        switch value {
        case 0xAD, 0x61C, 0x180E, 0x200B, 0x200E...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF, 0xFFF9...0xFFFB,
            0x1D173...0x1D17A, 0xE0000...0xE007F:
            true
        default: properties.isNoncharacterCodePoint
        }
    }
}
