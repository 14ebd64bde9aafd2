/// The parts of an `https:` or `ssh:` address.
struct GitAddress: Hashable, Sendable {
    var scheme: String
    /// Percent-encoded, as in the text.
    var userInfo: String?
    /// In lower case, with the port if there is one.
    var host: String
    /// With the leading slash; "" if there is no path.
    var path: String
    /// With the leading `?` or `#`.
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

    /// What credentials are bound to: scheme, host and port.
    var origin: String { "\(scheme)://\(host)" }

    /// The host has letters, digits, dots, dashes and underscores, or is an address in brackets; the port has digits only.
    var hasPlainHost: Bool {
        host.wholeMatch(of: #/([a-z0-9._\-]+|\[[0-9a-f:.%a-z]+\])(:[0-9]{1,5})?/#) != nil && !host.hasPrefix("-")
    }
}
