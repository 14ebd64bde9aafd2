extension Escape {
    /// One part of a URI: a segment of a path, a name or a value of a query, a field of a form. All but unreserved
    /// characters (RFC 3986) are percent-encoded, byte by byte.
    public static func uriPart(_ text: String) -> String { percentEncoded(text, keeping: "") }

    /// A relative path as a URI reference (SARIF's `artifactLocation.uri`): its slashes stay. A first segment with a
    /// colon is no scheme, because the colon is encoded.
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

    /// A value of an HTTP header (RFC 9110): visible ASCII, blanks and tabs within. What is left of it, or nil where
    /// something of it cannot be sent: a header that says something else would be worse than none.
    public static func headerValue(_ text: String) -> String? {
        let isFit = text.utf8.allSatisfy { (0x20...0x7E).contains($0) || $0 == 0x09 }
        guard isFit, text.utf8.first != 0x20, text.utf8.last != 0x20 else { return nil }
        return text
    }
}
