/// What a server said before the body, as far as it matters here.
struct ResponseHead: Hashable, Sendable {
    var status = 0
    var etag: String?
    var lastModified: String?
    /// Of the part that is sent.
    var contentLength: Int64?
    /// Where the part that is sent begins; nil where the whole is sent.
    var rangeStart: Int64?
    /// Of the whole.
    var rangeTotal: Int64?
    var retryAfterSeconds: Int?

    /// Takes one header line. A status line begins a new head: those of earlier answers count no more.
    mutating func take(_ line: String) {
        if line.hasPrefix("HTTP/") {
            self = ResponseHead()
            status = line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
            return
        }
        guard let colon = line.firstIndex(of: ":") else { return }
        let value = String(line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" })
        switch line[..<colon].lowercased() {
        case "etag": etag = value
        case "last-modified": lastModified = value
        case "content-length": contentLength = Self.count(value)
        case "content-range": takeRange(value)
        case "retry-after": retryAfterSeconds = Self.count(value).map { Int($0) }
        default: break
        }
    }

    /// `bytes 5-9/10`, `bytes 5-9/*`, `bytes */10`.
    private mutating func takeRange(_ value: String) {
        guard value.lowercased().hasPrefix("bytes ") else { return }
        let parts = value.dropFirst("bytes ".count).split(separator: "/")
        rangeStart = parts.first?.split(separator: "-").first.flatMap { Self.count($0) }
        if parts.count == 2 { rangeTotal = Self.count(parts[1]) }
    }

    /// A number of bytes or seconds; none is below zero.
    private static func count(_ text: some StringProtocol) -> Int64? { Int64(text).flatMap { $0 < 0 ? nil : $0 } }

    /// Of the whole file; nil where the server does not say.
    var totalBytes: Int64? { status == 206 ? rangeTotal : contentLength }

    /// What `If-Range` can take: a strong ETag, or else the date where there is no ETag at all.
    var rangeValidator: String? {
        if let etag { return etag.hasPrefix("W/") ? nil : etag }
        return lastModified
    }

    enum Body: Hashable, Sendable {
        /// Continues what is there.
        case append
        /// Begins anew: what is there is not part of it.
        case replace
        /// An explanation for people, or nothing.
        case ignore
    }

    /// - Parameter offset: how many bytes are there, and were asked to be continued.
    func body(after offset: Int64) -> Body {
        switch status {
        case 200: .replace
        case 206 where rangeStart == offset: .append
        default: .ignore
        }
    }
}
