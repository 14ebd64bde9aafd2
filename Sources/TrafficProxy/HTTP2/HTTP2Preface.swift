/// The first bytes of a client that speaks HTTP/2 (RFC 9113, section 3.4). As HTTP/1.1 they are an invalid request, so no client
/// of HTTP/1.1 begins with them.
enum HTTP2Preface {
    static let bytes = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    enum Match: Hashable, Sendable {
        case none
        /// All bytes so far agree, and some are missing.
        case partial
        case whole
    }

    static func match(_ received: some Collection<UInt8>) -> Match {
        let start = received.prefix(bytes.count)
        guard start.elementsEqual(bytes.prefix(start.count)) else { return .none }
        return start.count == bytes.count ? .whole : .partial
    }
}
