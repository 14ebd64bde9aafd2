import ModelManifests

/// Results of users in windows of time. Each user who sent a request within a window is one unit of that window.
///
/// With sticky routing the user is the randomised unit. A user's requests are not independent evidence, and the first
/// request alone says nothing about later ones. Units of one window are independent; units of two windows are not,
/// because the same users come back. One restart of a server affects many users once, so a unit counts as failed only
/// if all of its requests failed.
package struct UserCounters: Hashable, Codable, Sendable {
    /// Windows with at least one unit, of any revision, that have ended. The number is the same for all revisions of a
    /// route.
    package var windows: Int
    /// Units of those windows.
    package var units: Int
    /// Units in which every request failed.
    package var failed: Int
    /// Units in which at least one request failed.
    package var touched: Int
    /// Units in which every request was rejected.
    package var rejected: Int
    /// For each latency bound of the proxy: units in which every request was slower, or was abandoned later than that.
    package var slowed: [Int]
    /// Requests of users beyond the most that one window can hold. They are in no unit.
    package var dropped: Int

    package init(
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

/// The users of one revision of a sticky route, over all of its instances.
package struct UserReport: Hashable, Codable, Sendable {
    package var deployment: DeploymentKey
    package var revision: Revision
    package var users: UserCounters

    package init(deployment: DeploymentKey, revision: Revision, users: UserCounters) {
        self.deployment = deployment
        self.revision = revision
        self.users = users
    }
}
