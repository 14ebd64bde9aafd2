import ModelManifests

/// How requests of users were split between revisions, and what became of those that one revision was given.
///
/// A request is drawn once, by the weights, whoever answers it in the end and however often it is tried. Of a sticky route
/// the first request of each user who is new to the route is drawn, for users are what is split. Requests at preview ports,
/// recorded requests and those that a rule on a header assigns are not drawn by weight, and are not here.
public struct SplitCounters: Hashable, Codable, Sendable {
    /// Drawn for the revision.
    public var drawn: Int
    /// Of them, with an outcome that gates can judge: answered, or failed by the revision.
    public var ended: Int
    /// Of them, given up by their client while an instance was to answer.
    public var givenUp: Int
    /// Of them, answered by the proxy itself, with no revision to blame: a full queue, a drain that was over, a body that did
    /// not come.
    public var turnedAway: Int
    /// Of them, broken off with no outcome: the connection ended.
    public var lost: Int

    public init(drawn: Int = 0, ended: Int = 0, givenUp: Int = 0, turnedAway: Int = 0, lost: Int = 0) {
        self.drawn = drawn
        self.ended = ended
        self.givenUp = givenUp
        self.turnedAway = turnedAway
        self.lost = lost
    }

    /// What was added since `earlier`; nil where a counter fell.
    public func since(_ earlier: SplitCounters) -> SplitCounters? {
        let added = SplitCounters(
            drawn: drawn - earlier.drawn, ended: ended - earlier.ended, givenUp: givenUp - earlier.givenUp,
            turnedAway: turnedAway - earlier.turnedAway, lost: lost - earlier.lost)
        return min(added.drawn, added.ended, added.givenUp, added.turnedAway, added.lost) < 0 ? nil : added
    }
}

/// The split of one revision of a route. In every epoch.
public struct SplitReport: Hashable, Codable, Sendable {
    public var deployment: DeploymentKey
    public var revision: Revision
    public var counters: SplitCounters

    public init(deployment: DeploymentKey, revision: Revision, counters: SplitCounters) {
        self.deployment = deployment
        self.revision = revision
        self.counters = counters
    }
}
