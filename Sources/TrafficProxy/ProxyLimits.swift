import HTTP1

/// The limits of every buffer, queue, wait and connection of the proxy.
public struct ProxyLimits: Hashable, Sendable {
    // Heads.
    public var requestHeadBytes = 32 * 1024
    public var responseHeadBytes = 64 * 1024
    public var requestLineBytes = 8 * 1024
    public var headFieldCount = 128

    // Client connections.
    public var connectionsPerListener = 4096
    public var connectionsTotal = 16384
    /// Before the first request of a connection, and between two requests.
    public var clientIdleTime = Duration.seconds(75)
    /// From the first byte of a head to its end. A slow head holds a connection no longer than this.
    public var headReadTime = Duration.seconds(10)
    /// If neither side moves a byte of a body for this long, the request is cut off.
    public var bodyIdleTime = Duration.seconds(300)
    /// How long, and for how many bytes, a refused connection is still read, so that its client sees the answer.
    public var lingerTime = Duration.seconds(2)
    public var lingerBytes = 1024 * 1024

    // Bodies.
    /// A request that waits for its upstream buffers this many bytes. Then its client is not read any more. A longer request is
    /// never sent twice.
    public var bufferedRequestBytes = 64 * 1024
    /// Bytes of later requests on the same connection that are buffered while one is answered.
    public var pipelinedBytes = 64 * 1024
    /// Unsent bytes towards one side before the other side is not read any more.
    public var writeBufferHighBytes = 256 * 1024
    public var writeBufferLowBytes = 64 * 1024
    /// The largest declared body of a request. Nil permits any length.
    public var requestBodyBytes: Int?

    // Upstream connections, for each instance.
    public var upstreamConnections = 512
    public var pendingRequests = 1024
    public var connectTime = Duration.seconds(3)
    /// Below the 5 s after which common Python servers close an idle connection themselves.
    public var upstreamIdleTime = Duration.seconds(4)
    /// An idle connection that rested longer than this is checked for its end before it is reused.
    public var upstreamTrustedRest = Duration.milliseconds(200)
    /// A connection that rested longer than this may have been closed as idle, however it ends. No server has a shorter idle
    /// time.
    public var upstreamSteadyRest = Duration.milliseconds(5)
    public var attemptsPerRequest = 3
    public var interimResponses = 8

    // Copies of bodies, to observe values in them and for shadows.
    /// Larger bodies are not read. Bodies for shadows have a limit in their route.
    public var copiedBodyBytes = 256 * 1024
    /// Bytes held at one time, while messages stream through and while answers wait for those of shadows.
    public var copiedBytesTotal = 64 * 1024 * 1024
    /// Bodies that wait to be read outside the event loop.
    public var waitingBodies = 1024
    public var waitingBodyBytes = 64 * 1024 * 1024
    public var observationsPerRoute = 8
    /// Copied requests in progress, per route.
    public var shadowsPerRoute = 128

    // Ejection time. It doubles with each consecutive failure.
    public var ejectionTimeMin = Duration.milliseconds(500)
    public var ejectionTimeMax = Duration.seconds(30)
    /// Ejection time of an instance that serves much worse than its siblings.
    public var outlierTimeMin = Duration.seconds(10)
    public var outlierTimeMax = Duration.seconds(300)

    // Routes and control.
    public var routes = 10_000
    public var revisionsPerRoute = 16
    public var upstreamsPerRevision = 256
    public var controlBodyBytes = 32 * 1024 * 1024
    public var controlConnections = 64
    public var controlIdleTime = Duration.seconds(60)
    public var bindRetryMin = Duration.milliseconds(250)
    public var bindRetryMax = Duration.seconds(15)
    /// How long an answer to new routes waits for their ports to open.
    public var bindWait = Duration.seconds(2)
    /// Instances that left the routes stay in the report for this long after their last request, up to this many.
    public var retiredTime = Duration.seconds(300)
    public var retiredInstances = 1024
    public var failedRequestIds = 20
    /// Revisions that missed requests stay in the report, up to this many per route, and up to this many removed routes.
    public var unavailableRevisions = 256
    public var goneRoutes = 1024
    /// Keys of sticky routes that are remembered, per route.
    public var rememberedKeys = 1 << 20
    /// In each window of this length, a user of a sticky route is one unit of evidence. Per revision, up to this many users.
    public var userWindow = Duration.seconds(2)
    public var usersPerWindow = 1 << 16
    /// Users of an A/B test that stay at their revision, per generation of weights: 625 kB.
    public var keptUsersPerGeneration = 500_000
    /// How often new kept users are written to disk.
    public var keptUsersInterval = Duration.seconds(5)

    // Recorded requests, for each route.
    public var recordedBytes = 16 * 1024 * 1024
    public var recordedRequests = 10_000
    public var syntheticInFlight = 64
    public var syntheticPerSecond = 1000.0

    /// How long requests in progress may take when the proxy stops: this long, or the longest drain of a route if that is longer.
    public var drainTime = Duration.seconds(30)

    public init() {}
}

extension RequestHeadScanner {
    init(limits: ProxyLimits) {
        self.init(
            headBytesMax: limits.requestHeadBytes, lineBytesMax: limits.requestLineBytes,
            fieldsMax: limits.headFieldCount)
    }
}

extension ResponseHeadScanner {
    init(limits: ProxyLimits) {
        self.init(headBytesMax: limits.responseHeadBytes, fieldsMax: limits.headFieldCount)
    }
}
