import ModelManifests

/// What became of users, a window of time at a time: whoever sent any request within the window is one unit of it.
///
/// With sticky routing the user is what was randomised. His requests are no independent evidence, and his first one alone
/// says nothing about what becomes of him later. Units of one window are independent; those of two windows are not, for it is
/// the same users who come back. One restart of a server touches many users once, so what counts of a unit is what all of
/// its requests have in common.
public struct UserCounters: Hashable, Codable, Sendable {
    /// Windows that have ended with any unit, of whichever revision: the same number for all revisions of a route.
    public var windows: Int
    /// Units of those windows.
    public var units: Int
    /// Units of which every request failed.
    public var failed: Int
    /// Units with a request that failed.
    public var touched: Int
    /// Units of which every request was rejected.
    public var rejected: Int
    /// For each latency bound of the proxy: units of which every request was slower, or was given up later than that.
    public var slowed: [Int]
    /// Requests of users who were too many for one window: in no unit.
    public var dropped: Int

    public init(
        windows: Int = 0, units: Int = 0, failed: Int = 0, touched: Int = 0, rejected: Int = 0, slowed: [Int] = [],
        dropped: Int = 0
    ) {
        self.windows = windows
        self.units = units
        self.failed = failed
        self.touched = touched
        self.rejected = rejected
        self.slowed = slowed
        self.dropped = dropped
    }
}

/// Users of one revision of a sticky route, at all of its instances.
public struct UserReport: Hashable, Codable, Sendable {
    public var deployment: DeploymentKey
    public var revision: Revision
    public var users: UserCounters

    public init(deployment: DeploymentKey, revision: Revision, users: UserCounters) {
        self.deployment = deployment
        self.revision = revision
        self.users = users
    }
}
