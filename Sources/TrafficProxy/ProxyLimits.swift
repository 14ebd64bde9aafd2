import HTTP1

/// The bound of every buffer, queue, wait and connection of the proxy.
public struct ProxyLimits: Hashable, Sendable {
    // Heads.
    public var requestHeadBytes = 32 * 1024
    public var responseHeadBytes = 64 * 1024
    public var requestLineBytes = 8 * 1024
    public var headFieldCount = 128

    // Client connections.
    public var connectionsPerListener = 4096
    public var connectionsTotal = 16384
    /// Before the first request of a connection, and between two.
    public var clientIdleTime = Duration.seconds(75)
    /// From a head's first byte to its end. Slow heads hold a connection no longer.
    public var headReadTime = Duration.seconds(10)
    /// Neither side moves a byte of a body for so long: the request is cut off.
    public var bodyIdleTime = Duration.seconds(300)
    /// How long and for how many bytes a connection that was refused is still read, so that its client sees the answer.
    public var lingerTime = Duration.seconds(2)
    public var lingerBytes = 1024 * 1024

    // Bodies.
    /// A request that waits for its upstream holds so many bytes, then its client is not read any more. A request
    /// that is longer is never sent twice.
    public var bufferedRequestBytes = 64 * 1024
    /// Bytes of later requests on the same connection that are held while one is answered.
    public var pipelinedBytes = 64 * 1024
    /// Unsent bytes towards either side before the other is not read any more.
    public var writeBufferHighBytes = 256 * 1024
    public var writeBufferLowBytes = 64 * 1024
    /// Declared length of a request's body; nil streams whatever comes.
    public var requestBodyBytes: Int?

    // Upstream connections, for each instance.
    public var upstreamConnections = 512
    public var pendingRequests = 1024
    public var connectTime = Duration.seconds(3)
    /// Below the 5 s after which common Python servers close an idle connection themselves.
    public var upstreamIdleTime = Duration.seconds(4)
    /// An idle connection that rested longer than this is probed for an end before it is used again.
    public var upstreamTrustedRest = Duration.milliseconds(200)
    /// One that rested longer than this may have been ended as idle, whatever it ends with. No server has a shorter idle time.
    public var upstreamSteadyRest = Duration.milliseconds(5)
    public var attemptsPerRequest = 3
    public var interimResponses = 8

    // Copies of bodies, to observe values in them and for shadows.
    /// Larger bodies are not looked at. Those for shadows have a bound of their route's own.
    public var copiedBodyBytes = 256 * 1024
    /// Held at a time while messages stream through, and while answers wait for those of shadows.
    public var copiedBytesTotal = 64 * 1024 * 1024
    /// Bodies that wait to be read beside the event loop.
    public var waitingBodies = 1024
    public var waitingBodyBytes = 64 * 1024 * 1024
    public var observationsPerRoute = 8
    /// Copied requests under way, for each route.
    public var shadowsPerRoute = 128

    // Ejection: doubles with every failure in a row.
    public var ejectionTimeMin = Duration.milliseconds(500)
    public var ejectionTimeMax = Duration.seconds(30)
    /// Of an instance that serves much worse than its siblings.
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
    /// How long an answer to new routes waits for their ports.
    public var bindWait = Duration.seconds(2)
    /// Instances that left the routes stay in the report so long after their last request, and so many of them.
    public var retiredTime = Duration.seconds(300)
    public var retiredInstances = 1024
    public var failedRequestIds = 20
    /// Revisions that missed requests stay in the report, so many of each route; and so many routes that are gone.
    public var unavailableRevisions = 256
    public var goneRoutes = 1024
    /// Keys of sticky routes that are remembered, for each route.
    public var rememberedKeys = 1 << 20
    /// A user of a sticky route is one unit of evidence in each such time, of so many users at most for each revision.
    public var userWindow = Duration.seconds(2)
    public var usersPerWindow = 1 << 16
    /// Users of an A/B test that are kept at their revision, for each of its weights: 625 kB.
    public var keptUsersPerGeneration = 500_000
    /// How often they are written to the disk, if there are new ones.
    public var keptUsersInterval = Duration.seconds(5)

    // Recorded requests, for each route.
    public var recordedBytes = 16 * 1024 * 1024
    public var recordedRequests = 10_000
    public var syntheticInFlight = 64
    public var syntheticPerSecond = 1000.0

    /// How long requests under way may take when the proxy is stopped: so long, or as long as the longest drain of a route.
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
