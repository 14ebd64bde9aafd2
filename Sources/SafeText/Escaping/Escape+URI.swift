extension Escape {
    /// One part of a URI: a path segment, a query name or value, or a form field. Everything but unreserved characters
    /// (RFC 3986) is percent-encoded, byte by byte.
    package static func uriPart(_ text: String) -> String { percentEncoded(text, keeping: "") }

    /// The host of a URI: the address of IPv6 in brackets.
    package static func uriHost(_ host: String) -> String { host.contains(":") ? "[\(host)]" : host }

    /// `host:port`, as URIs and Host fields have it.
    package static func authority(_ host: String, _ port: Int) -> String { "\(uriHost(host)):\(port)" }

    /// A relative path as a URI reference (SARIF's `artifactLocation.uri`). Slashes stay. A colon in the first segment is
    /// encoded, so it cannot be read as a scheme.
    package static func uriPath(_ path: String) -> String { percentEncoded(path, keeping: "/") }

    private static func percentEncoded(_ text: String, keeping others: String) -> String {
        String(decoding: percentEncoded(text.utf8, keeping: Array(others.utf8)), as: UTF8.self)
    }

    /// - Parameters:
    ///   - keeping: bytes that stay, beside the unreserved ones.
    ///   - plus: a space is a plus sign, as forms have it.
    static func percentEncoded(
        _ bytes: some Sequence<UInt8>, keeping: [UInt8], isUpper: Bool = true, plus: Bool = false
    ) -> [UInt8] {
        bytes.flatMap { byte -> [UInt8] in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: [byte]
            case 0x20 where plus: [0x2B]
            case _ where keeping.contains(byte): [byte]
            default: [0x25] + Hex.digits(of: byte, isUpper: isUpper)
            }
        }
    }

    /// An HTTP header value (RFC 9110): visible ASCII, with blanks and tabs inside. Nil where the text contains anything else:
    /// no header is better than one that says something different.
    package static func headerValue(_ text: String) -> String? {
        let isFit = text.utf8.allSatisfy { (0x20...0x7E).contains($0) || $0 == 0x09 }
        guard isFit, text.utf8.first != 0x20, text.utf8.last != 0x20 else { return nil }
        return text
    }
}
