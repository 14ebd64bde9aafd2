/// What the proxy must know of a request's head. Offsets are bytes from the head's start. The scanner keeps the fields' spans.
public struct RequestHead: Hashable, Sendable {
    public enum Method: UInt8, Sendable {
        case get, head, post, put, delete, options, trace, connect, other

        /// Whether sending it twice has the same effect as once (RFC 9110, section 9.2.2).
        public var isIdempotent: Bool {
            switch self {
            case .get, .head, .put, .delete, .options, .trace: true
            case .post, .connect, .other: false
            }
        }
    }

    public enum Upgrade: UInt8, Sendable {
        case none
        /// An HTTP/2 upgrade, which many clients offer and none requires. The proxy ignores it.
        case h2c
        case other
    }

    public var method: Method
    public var methodStart: Int
    public var methodEnd: Int
    /// The target in origin form, "/path?query", or "*". Empty if the target is only a host.
    public var path: Range<Int>
    /// The host of a target in absolute form, "http://host/path". Empty otherwise. It takes precedence over Host.
    public var authority: Range<Int>
    /// Where the header fields begin.
    public var fieldsStart: Int
    public var length: Int
    public var isVersion10: Bool
    public var keepAlive: Bool
    public var body: BodyFraming
    public var upgrade = Upgrade.none
    public var hasHost = false
    public var hasIdempotencyKey = false
    /// The Connection field names further fields, which then apply to this connection only.
    public var namesConnectionFields = false

    public var mayRepeat: Bool { method.isIdempotent || hasIdempotencyKey }
}
