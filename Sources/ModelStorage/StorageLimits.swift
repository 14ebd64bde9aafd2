/// All limits and time-outs of the model store.
public struct StorageLimits: Hashable, Sendable {
    /// Files in one model.
    public var maximumFiles = 100_000
    public var maximumModelBytes: Int64 = 512 << 30
    /// An archive may expand to so many times its size, or to `expansionFloorBytes`.
    public var maximumExpansion: Int64 = 200
    public var expansionFloorBytes: Int64 = 64 << 20
    /// Of all models in the cache. Models in use stay, even above this limit.
    public var maximumCacheBytes: Int64 = 100 << 30
    /// Left free on the cache's disk for other programs.
    public var minimumFreeBytes: Int64 = 128 << 20
    /// A model that was requested within this time is not evicted: its instance may not have started yet.
    public var evictionGrace = Duration.seconds(900)

    public var maximumTransfers = 16
    /// Keeps room for other servers when one server hangs.
    public var maximumTransfersPerHost = 4
    public var connectTimeout = Duration.seconds(10)
    /// A transfer is ended if it stays below `stallBytesPerSecond` for this long. Whole seconds.
    public var stallTimeout = Duration.seconds(30)
    public var stallBytesPerSecond = 1024
    public var transferTimeout = Duration.seconds(6 * 3600)
    /// Attempts in a row that bring no new bytes.
    public var maximumAttempts = 6
    /// All attempts of one download, including those that bring new bytes.
    public var maximumAttemptsInAll = 200
    public var firstBackoff = Duration.milliseconds(500)
    public var maximumBackoff = Duration.seconds(15)
    public var maximumRedirects = 5
    /// A URL without a digest is checked for changes at most this often.
    public var recheckInterval = Duration.seconds(30)
    /// The same for a server that sends no validators, where each check downloads the whole file.
    public var blindRecheckInterval = Duration.seconds(600)

    public init() {}
}
