import HTTP1

/// Where a request's head carries the value that decides its routing: in a header, or in a cookie.
struct RequestKey: Hashable, Sendable {
    static let valueBytesMax = 4096

    private let name: [UInt8]
    private let isCookie: Bool

    init(header: String) {
        name = Array(header.lowercased().utf8)
        isCookie = false
    }

    init(cookie: String) {
        name = Array(cookie.utf8)
        isCookie = true
    }

    /// The value of the first field or cookie with the name. Nil if there is none, or if it is empty or too long.
    func value(_ bytes: UnsafePointer<UInt8>, _ head: RequestHead, _ spans: [FieldSpan]) -> Range<Int>? {
        let found =
            isCookie
            ? cookie(bytes, spans)
            : FieldScanner.value(of: name, bytes, from: head.fieldsStart, headLength: head.length)
        guard let found, !found.isEmpty, found.count <= Self.valueBytesMax else { return nil }
        return found
    }

    /// `name=value; name=value` (RFC 6265, section 4.2.1).
    private func cookie(_ bytes: UnsafePointer<UInt8>, _ spans: [FieldSpan]) -> Range<Int>? {
        for span in spans where span.name == .cookie {
            var start = span.valueStart
            while start < span.valueEnd {
                var end = start
                while end < span.valueEnd, bytes[end] != .semicolon { end += 1 }
                let pair = FieldScanner.trimmed(bytes, start..<end)
                if pair.count > name.count, bytes[pair.lowerBound + name.count] == .equals,
                    name.indices.allSatisfy({ bytes[pair.lowerBound + $0] == name[$0] })
                {
                    return (pair.lowerBound + name.count + 1)..<pair.upperBound
                }
                start = end + 1
            }
        }
        return nil
    }
}
