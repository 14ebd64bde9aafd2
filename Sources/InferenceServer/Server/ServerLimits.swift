/// Every limit of the server, by name.
public struct ServerLimits: Hashable, Sendable {
    /// Connections beyond this number are closed at once.
    public var connections = 256
    /// A larger body is refused with 413.
    public var bodyBytes = 1 << 20
    public var headerBytes = 32 << 10
    public var headerFields = 100
    /// From a request's first byte to its last. A slower client is cut off.
    public var requestReadTimeout: Duration = .seconds(10)
    /// A connection without traffic for this long is closed, unless the model is working for it.
    public var idleTimeout: Duration = .seconds(75)
    /// Requests that wait for the model or are being scored. Further requests are answered 503.
    public var pendingInferences = 256
    /// Threads that score. Event loops never score.
    public var scoringThreads = 2
    /// How long requests in progress may take when the server stops.
    public var drainTimeout: Duration = .seconds(10)

    public init() {}
}
