/// What the proxy must know of a request's head. Offsets are bytes from the head's start. The scanner keeps the fields' spans.
package struct RequestHead: Hashable, Sendable {
    package enum Method: UInt8, Sendable {
        case get, head, post, put, delete, options, trace, connect, other

        /// Whether sending it twice has the same effect as once (RFC 9110, section 9.2.2).
        package var isIdempotent: Bool {
            switch self {
            case .get, .head, .put, .delete, .options, .trace: true
            case .post, .connect, .other: false
            }
        }
    }

    package enum Upgrade: UInt8, Sendable {
        case none
        /// An HTTP/2 upgrade, which many clients offer and none requires. The proxy ignores it.
        case h2c
        case other
    }

    package var method: Method
    package var methodStart: Int
    package var methodEnd: Int
    /// The target in origin form, "/path?query", or "*". Empty if the target is only a host.
    package var path: Range<Int>
    /// The host of a target in absolute form, "http://host/path". Empty otherwise. It takes precedence over Host.
    package var authority: Range<Int>
    /// Where the header fields begin.
    package var fieldsStart: Int
    package var length: Int
    package var isVersion10: Bool
    package var keepAlive: Bool
    package var body: BodyFraming
    package var upgrade = Upgrade.none
    package var hasHost = false
    package var hasIdempotencyKey = false
    /// The Connection field names further fields, which then apply to this connection only.
    package var namesConnectionFields = false

    package var mayRepeat: Bool { method.isIdempotent || hasIdempotencyKey }
}
