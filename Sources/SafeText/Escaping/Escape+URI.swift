extension Escape {
    /// One part of a URI: a path segment, a query name or value, or a form field. Everything but unreserved characters
    /// (RFC 3986) is percent-encoded, byte by byte.
    public static func uriPart(_ text: String) -> String { percentEncoded(text, keeping: "") }

    /// A relative path as a URI reference (SARIF's `artifactLocation.uri`). Slashes stay. A colon in the first segment is
    /// encoded, so it cannot be read as a scheme.
    public static func uriPath(_ path: String) -> String { percentEncoded(path, keeping: "/") }

    private static func percentEncoded(_ text: String, keeping others: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            let scalar = Unicode.Scalar(byte)
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: encoded.unicodeScalars.append(scalar)
            case _ where others.utf8.contains(byte): encoded.unicodeScalars.append(scalar)
            default: encoded += "%" + hex(UInt32(byte), digits: 2)
            }
        }
        return encoded
    }

    /// An HTTP header value (RFC 9110): visible ASCII, with blanks and tabs inside. Nil where the text contains anything else:
    /// no header is better than one that says something different.
    public static func headerValue(_ text: String) -> String? {
        let isFit = text.utf8.allSatisfy { (0x20...0x7E).contains($0) || $0 == 0x09 }
        guard isFit, text.utf8.first != 0x20, text.utf8.last != 0x20 else { return nil }
        return text
    }
}
