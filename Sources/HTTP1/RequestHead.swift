/// What a proxy must know of a request's head. Offsets are bytes from the head's start; the fields' spans stay with the
/// scanner.
public struct RequestHead: Hashable, Sendable {
    public enum Method: UInt8, Sendable {
        case get, head, post, put, delete, options, trace, connect, other

        /// May be sent twice with the same effect as once (RFC 9110, 9.2.2).
        public var isIdempotent: Bool {
            switch self {
            case .get, .head, .put, .delete, .options, .trace: true
            case .post, .connect, .other: false
            }
        }
    }

    public enum Upgrade: UInt8, Sendable {
        case none
        /// HTTP/2 by upgrade, which many clients offer and none insists on: it is not taken up.
        case h2c
        case other
    }

    public var method: Method
    public var methodStart: Int
    public var methodEnd: Int
    /// The target in origin form, "/path?query", or "*"; empty where the target names a host alone.
    public var path: Range<Int>
    /// The host of a target in absolute form, "http://host/path"; empty otherwise. It counts more than Host.
    public var authority: Range<Int>
    /// Where the header fields begin, and where they end: at the start of the empty line.
    public var fieldsStart: Int
    public var length: Int
    public var isVersion10: Bool
    public var keepAlive: Bool
    public var body: BodyFraming
    public var upgrade = Upgrade.none
    public var hasHost = false
    public var hasIdempotencyKey = false
    /// The Connection field names fields beside the usual ones, which then concern this connection only.
    public var namesConnectionFields = false

    public var mayRepeat: Bool { method.isIdempotent || hasIdempotencyKey }
}
