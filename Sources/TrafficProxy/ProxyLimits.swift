import HTTP1

/// The limits of every buffer, queue, wait and connection of the proxy.
package struct ProxyLimits: Hashable, Sendable {
    // Heads.
    package var requestHeadBytes = 32 * 1024
    package var responseHeadBytes = 64 * 1024
    package var requestLineBytes = 8 * 1024
    package var headFieldCount = 128

    // Client connections.
    package var connectionsPerListener = 4096
    package var connectionsTotal = 16384
    /// Before the first request of a connection, and between two requests.
    package var clientIdleTime = Duration.seconds(75)
    /// From the first byte of a head to its end. A slow head holds a connection no longer than this.
    package var headReadTime = Duration.seconds(10)
    /// If neither side moves a byte of a body for this long, the request is cut off.
    package var bodyIdleTime = Duration.seconds(300)
    /// How long, and for how many bytes, a refused connection is still read, so that its client sees the answer.
    package var lingerTime = Duration.seconds(2)
    package var lingerBytes = 1024 * 1024

    // HTTP/2 and gRPC.
    /// Requests in progress at one time on one client connection.
    package var streamsPerConnection = 100
    /// RST_STREAM frames of one client in `frameRateWindow`. A client that resets more streams ends its connection: opening and
    /// resetting streams costs it nothing (CVE-2023-44487).
    package var resetsPerWindow = 2000
    /// PING, SETTINGS and PRIORITY frames of one client in `frameRateWindow`.
    package var controlFramesPerWindow = 2000
    package var frameRateWindow = Duration.seconds(10)
    /// Bytes of one connection, and of one stream, that the other side may send before they were read.
    package var connectionWindowBytes = 1024 * 1024
    package var streamWindowBytes = 65_535
    /// Connections to each instance, and requests on each of them. More requests wait.
    package var upstreamHTTP2Connections = 16
    package var upstreamStreamsPerConnection = 100

    // Bodies.
    /// A request that waits for its upstream buffers this many bytes. Then its client is not read any more. A longer request is
    /// never sent twice.
    package var bufferedRequestBytes = 64 * 1024
    /// Bytes of later requests on the same connection that are buffered while one is answered.
    package var pipelinedBytes = 64 * 1024
    /// Unsent bytes towards one side before the other side is not read any more.
    package var writeBufferHighBytes = 256 * 1024
    package var writeBufferLowBytes = 64 * 1024
    /// The largest declared body of a request. Nil permits any length.
    package var requestBodyBytes: Int?

    // Upstream connections, for each instance.
    package var upstreamConnections = 512
    package var pendingRequests = 1024
    package var connectTime = Duration.seconds(3)
    /// Below the 5 s after which common Python servers close an idle connection themselves.
    package var upstreamIdleTime = Duration.seconds(4)
    /// An idle connection that rested longer than this is checked for its end before it is reused.
    package var upstreamTrustedRest = Duration.milliseconds(200)
    /// A connection that rested longer than this may have been closed as idle, however it ends. No server has a shorter idle
    /// time.
    package var upstreamSteadyRest = Duration.milliseconds(5)
    package var attemptsPerRequest = 3
    package var interimResponses = 8

    // Copies of bodies, to observe values in them and for shadows.
    /// Larger bodies are not read. Bodies for shadows have a limit in their route.
    package var copiedBodyBytes = 256 * 1024
    /// Bytes held at one time, while messages stream through and while answers wait for those of shadows.
    package var copiedBytesTotal = 64 * 1024 * 1024
    /// Bodies that wait to be read outside the event loop.
    package var waitingBodies = 1024
    package var waitingBodyBytes = 64 * 1024 * 1024
    package var observationsPerRoute = 8
    /// Copied requests in progress, per route.
    package var shadowsPerRoute = 128

    // Ejection time. It doubles with each consecutive failure.
    package var ejectionTimeMin = Duration.milliseconds(500)
    package var ejectionTimeMax = Duration.seconds(30)
    /// Ejection time of an instance that serves much worse than its siblings.
    package var outlierTimeMin = Duration.seconds(10)
    package var outlierTimeMax = Duration.seconds(300)

    // Routes and control.
    package var routes = 10_000
    package var revisionsPerRoute = 16
    package var upstreamsPerRevision = 256
    package var controlBodyBytes = 32 * 1024 * 1024
    package var controlConnections = 64
    package var controlIdleTime = Duration.seconds(60)
    package var bindRetryMin = Duration.milliseconds(250)
    package var bindRetryMax = Duration.seconds(15)
    /// How long an answer to new routes waits for their ports to open.
    package var bindWait = Duration.seconds(2)
    /// Instances that left the routes stay in the report for this long after their last request, up to this many.
    package var retiredTime = Duration.seconds(300)
    package var retiredInstances = 1024
    package var failedRequestIds = 20
    /// Revisions that missed requests stay in the report, up to this many per route, and up to this many removed routes.
    package var unavailableRevisions = 256
    package var goneRoutes = 1024
    /// Keys of sticky routes that are remembered, per route.
    package var rememberedKeys = 1 << 20
    /// In each window of this length, a user of a sticky route is one unit of evidence. Per revision, up to this many users.
    package var userWindow = Duration.seconds(2)
    package var usersPerWindow = 1 << 16
    /// Users of an A/B test that stay at their revision, per generation of weights: 625 kB.
    package var keptUsersPerGeneration = 500_000
    /// How often new kept users are written to disk.
    package var keptUsersInterval = Duration.seconds(5)
    /// How often the files of `endpoint.tls` are read.
    package var certificateInterval = Duration.seconds(2)

    // Recorded requests, for each route.
    package var recordedBytes = 16 * 1024 * 1024
    package var recordedRequests = 10_000
    package var syntheticInFlight = 64
    package var syntheticPerSecond = 1000.0

    /// How long requests in progress may take when the proxy stops: this long, or the longest drain of a route if that is longer.
    package var drainTime = Duration.seconds(30)

    package init() {}
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
