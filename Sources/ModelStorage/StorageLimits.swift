/// All limits and time-outs of the model store.
package struct StorageLimits: Hashable, Sendable {
    /// Files in one model.
    package var maximumFiles = 100_000
    package var maximumModelBytes: Int64 = 512 << 30
    /// An archive may expand to so many times its size, or to `expansionFloorBytes`.
    package var maximumExpansion: Int64 = 200
    package var expansionFloorBytes: Int64 = 64 << 20
    /// Of all models in the cache. Models in use stay, even above this limit.
    package var maximumCacheBytes: Int64 = 100 << 30
    /// Left free on the cache's disk for other programs.
    package var minimumFreeBytes: Int64 = 128 << 20
    /// A model that was requested within this time is not evicted: its instance may not have started yet.
    package var evictionGrace = Duration.seconds(900)

    package var maximumTransfers = 16
    /// Keeps room for other servers when one server hangs.
    package var maximumTransfersPerHost = 4
    package var connectTimeout = Duration.seconds(10)
    /// A transfer is ended if it stays below `stallBytesPerSecond` for this long. Whole seconds.
    package var stallTimeout = Duration.seconds(30)
    package var stallBytesPerSecond = 1024
    package var transferTimeout = Duration.seconds(6 * 3600)
    /// Attempts in a row that bring no new bytes.
    package var maximumAttempts = 6
    /// All attempts of one download, including those that bring new bytes.
    package var maximumAttemptsInAll = 200
    package var firstBackoff = Duration.milliseconds(500)
    package var maximumBackoff = Duration.seconds(15)
    package var maximumRedirects = 5
    /// An alias that several deployments name is followed at most this often.
    package var followInterval = Duration.seconds(5)
    /// A folder is pinned once none of its files has changed for this long.
    package var quietPeriod = Duration.seconds(2)

    package init() {}
}
