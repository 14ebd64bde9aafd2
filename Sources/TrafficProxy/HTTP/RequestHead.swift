/// What the proxy must know of a request's head. Offsets are bytes from the head's start. The scanner keeps the fields' spans.
struct RequestHead: Hashable, Sendable {
    enum Method: UInt8, Sendable {
        case get, head, post, put, delete, options, trace, connect, other

        /// Whether sending it twice has the same effect as once (RFC 9110, section 9.2.2).
        var isIdempotent: Bool {
            switch self {
            case .get, .head, .put, .delete, .options, .trace: true
            case .post, .connect, .other: false
            }
        }
    }

    enum Upgrade: UInt8, Sendable {
        case none
        /// An HTTP/2 upgrade, which many clients offer and none requires. The proxy ignores it.
        case h2c
        case other
    }

    var method: Method
    var methodStart: Int
    var methodEnd: Int
    /// The target in origin form, "/path?query", or "*". Empty if the target is only a host.
    var path: Range<Int>
    /// The host of a target in absolute form, "http://host/path". Empty otherwise. It takes precedence over Host.
    var authority: Range<Int>
    /// Where the header fields begin.
    var fieldsStart: Int
    var length: Int
    var isVersion10: Bool
    var keepAlive: Bool
    var body: BodyFraming
    var upgrade = Upgrade.none
    var hasHost = false
    var hasIdempotencyKey = false
    /// The Connection field names further fields, which then apply to this connection only.
    var namesConnectionFields = false

    var mayRepeat: Bool { method.isIdempotent || hasIdempotencyKey }
}
