/// Every bound of the server, by name.
public struct ServerLimits: Hashable, Sendable {
    /// Connections beyond these are closed as soon as they are made.
    public var connections = 256
    /// A larger body is refused with 413.
    public var bodyBytes = 1 << 20
    public var headerBytes = 32 << 10
    public var headerFields = 100
    /// From a request's first byte to its last; a client that is slower is cut off.
    public var requestReadTimeout: Duration = .seconds(10)
    /// A connection on which nothing moves for so long is closed, unless the model is at work for it.
    public var idleTimeout: Duration = .seconds(75)
    /// Requests waiting for the model or being scored; more are answered 503.
    public var pendingInferences = 256
    /// Threads that score. Event loops never do.
    public var scoringThreads = 2
    /// When stopping: how long requests under way may take.
    public var drainTimeout: Duration = .seconds(10)

    public init() {}
}
