/// The parts of a response's status line and headers that a download needs.
struct ResponseHead: Hashable, Sendable {
    var status = 0
    var etag: String?
    var lastModified: String?
    /// Of the part that is sent.
    var contentLength: Int64?
    /// The offset at which the sent part begins; nil if the whole file is sent.
    var rangeStart: Int64?
    /// Size of the whole file.
    var rangeTotal: Int64?
    var retryAfterSeconds: Int?
    var contentType: String?
    /// What the hub says that is wrong.
    var errorCode: String?
    /// Where S3 says that the bucket is.
    var bucketRegion: String?
    /// Where the server says that an upload goes on, or that something was made.
    var location: String?
    /// How the server wants to be told who asks: the values of `WWW-Authenticate`.
    var challenges: [String] = []
    /// What a registry says that the content is.
    var contentDigest: String?
    /// The beginning of the body of an answer that is no file.
    var failureText = ""

    /// Parses one header line. A status line starts a new head and drops the headers of earlier answers.
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
        case "content-type": contentType = value
        case "x-error-code": errorCode = value
        case "x-amz-bucket-region": bucketRegion = value
        case "location": location = value
        case "www-authenticate": if challenges.count < 8 { challenges.append(value) }
        case "docker-content-digest": contentDigest = value
        case "retry-after": retryAfterSeconds = Self.count(value).map { Int($0) }
        default: break
        }
    }

    /// Parses `bytes 5-9/10`, `bytes 5-9/*` and `bytes */10`.
    private mutating func takeRange(_ value: String) {
        guard value.lowercased().hasPrefix("bytes ") else { return }
        let parts = value.dropFirst("bytes ".count).split(separator: "/")
        rangeStart = parts.first?.split(separator: "-").first.flatMap { Self.count($0) }
        if parts.count == 2 { rangeTotal = Self.count(parts[1]) }
    }

    /// A number of bytes or seconds; nil if it is negative.
    private static func count(_ text: some StringProtocol) -> Int64? { Int64(text).flatMap { $0 < 0 ? nil : $0 } }

    /// Size of the whole file; nil if the server does not say.
    var totalBytes: Int64? { status == 206 ? rangeTotal : contentLength }

    /// The value for `If-Range`: a strong ETag, or the date if there is no ETag at all.
    var rangeValidator: String? {
        if let etag { return etag.hasPrefix("W/") ? nil : etag }
        return lastModified
    }

    enum Body: Hashable, Sendable {
        /// The body continues the partial file.
        case append
        /// The body is the whole file and replaces the partial file.
        case replace
        /// The body is not part of the file, such as an error page.
        case ignore
    }

    /// - Parameter offset: the size of the partial file, from which the request asked to continue.
    func body(after offset: Int64) -> Body {
        switch status {
        case 200: .replace
        case 206 where rangeStart == offset: .append
        default: .ignore
        }
    }
}
