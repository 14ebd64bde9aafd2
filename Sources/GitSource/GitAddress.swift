/// The parts of an `https:` or `ssh:` address.
struct GitAddress: Hashable, Sendable {
    var scheme: String
    /// Percent-encoded, as it is written.
    var userInfo: String?
    /// With its port where one is written; in lower case.
    var host: String
    /// With the slash; "" where there is none.
    var path: String
    /// With the `?` or `#`.
    var rest: String

    init?(_ text: String) {
        guard let colon = text.firstRange(of: "://") else { return nil }
        scheme = text[..<colon.lowerBound].lowercased()
        let tail = text[colon.upperBound...]
        let end = tail.unicodeScalars.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? tail.endIndex
        let authority = tail[..<end]
        if let at = authority.unicodeScalars.lastIndex(of: "@") {
            userInfo = String(authority[..<at])
            host = authority[authority.unicodeScalars.index(after: at)...].lowercased()
        } else {
            host = authority.lowercased()
        }
        let query = tail[end...].unicodeScalars.firstIndex { $0 == "?" || $0 == "#" } ?? tail.endIndex
        path = String(tail[end..<query])
        rest = String(tail[query...])
    }

    /// Whom credentials are for: scheme, host and port.
    var origin: String { "\(scheme)://\(host)" }

    /// Letters, digits, dots and dashes or an address in brackets, and a port of digits.
    var hasPlainHost: Bool {
        host.wholeMatch(of: #/([a-z0-9._\-]+|\[[0-9a-f:.%a-z]+\])(:[0-9]{1,5})?/#) != nil && !host.hasPrefix("-")
    }
}
