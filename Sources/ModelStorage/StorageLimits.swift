/// Every bound of the store, and how long it waits.
public struct StorageLimits: Hashable, Sendable {
    /// Of one model.
    public var maximumFiles = 100_000
    public var maximumModelBytes: Int64 = 512 << 30
    /// Of all models that are kept. Those in use stay, whatever the sum.
    public var maximumCacheBytes: Int64 = 100 << 30
    /// Left free on the cache's disk, for the rest of the machine.
    public var minimumFreeBytes: Int64 = 128 << 20
    /// A model that was asked for within this time is not thrown out: its instance may not have started yet.
    public var evictionGrace = Duration.seconds(900)

    public var maximumTransfers = 16
    /// So that a server that hangs leaves room for the others.
    public var maximumTransfersPerHost = 4
    public var connectTimeout = Duration.seconds(10)
    /// A transfer that brings less than `stallBytesPerSecond` for this long is broken off. Whole seconds.
    public var stallTimeout = Duration.seconds(30)
    public var stallBytesPerSecond = 1024
    public var transferTimeout = Duration.seconds(6 * 3600)
    /// Attempts in a row that bring nothing new.
    public var maximumAttempts = 6
    /// All attempts of one download, also those that bring something.
    public var maximumAttemptsInAll = 200
    public var firstBackoff = Duration.milliseconds(500)
    public var maximumBackoff = Duration.seconds(15)
    public var maximumRedirects = 5
    /// A URL without a digest is asked for changes at most this often.
    public var recheckInterval = Duration.seconds(30)
    /// The same, where the server gives nothing to compare, so that asking means loading all of it.
    public var blindRecheckInterval = Duration.seconds(600)

    public init() {}
}
