/// What a proxy must know of a request's head. Offsets are bytes from the head's start; the fields' spans stay with the
/// scanner.
struct RequestHead: Hashable, Sendable {
    enum Method: UInt8, Sendable {
        case get, head, post, put, delete, options, trace, connect, other

        /// May be sent twice with the same effect as once (RFC 9110, 9.2.2).
        var isIdempotent: Bool {
            switch self {
            case .get, .head, .put, .delete, .options, .trace: true
            case .post, .connect, .other: false
            }
        }
    }

    enum Upgrade: UInt8, Sendable {
        case none
        /// HTTP/2 by upgrade, which many clients offer and none insists on: it is not taken up.
        case h2c
        case other
    }

    var method: Method
    var methodStart: Int
    var methodEnd: Int
    /// The target in origin form, "/path?query", or "*"; empty where the target names a host alone.
    var path: Range<Int>
    /// The host of a target in absolute form, "http://host/path"; empty otherwise. It counts more than Host.
    var authority: Range<Int>
    /// Where the header fields begin, and where they end: at the start of the empty line.
    var fieldsStart: Int
    var length: Int
    var isVersion10: Bool
    var keepAlive: Bool
    var body: BodyFraming
    var upgrade = Upgrade.none
    var hasHost = false
    var hasIdempotencyKey = false
    /// The Connection field names fields beside the usual ones, which then concern this connection only.
    var namesConnectionFields = false

    var mayRepeat: Bool { method.isIdempotent || hasIdempotencyKey }
}
