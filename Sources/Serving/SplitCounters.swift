import ModelManifests

/// How users' requests were split between revisions, and the results of those that one revision was given.
///
/// A request is drawn once, by the weights, whichever revision finally answers it and however often it is tried. On a
/// sticky route users are split, so only the first request of each user who is new to the route is drawn. Requests at
/// preview ports, recorded requests, and requests that a header rule assigns are not drawn by weight, and are not
/// counted here.
package struct SplitCounters: Hashable, Codable, Sendable {
    /// Requests drawn for the revision.
    package var drawn: Int
    /// Drawn requests with a result that gates can judge: answered, or failed by the revision.
    package var ended: Int
    /// Drawn requests whose client gave up while an instance was processing them.
    package var givenUp: Int
    /// Drawn requests that the proxy itself answered, without an error of a revision: the queue was full, the drain had
    /// ended, or the body did not arrive.
    package var turnedAway: Int
    /// Drawn requests whose connection ended without a result.
    package var lost: Int

    package init(drawn: Int = 0, ended: Int = 0, givenUp: Int = 0, turnedAway: Int = 0, lost: Int = 0) {
        self.drawn = drawn
        self.ended = ended
        self.givenUp = givenUp
        self.turnedAway = turnedAway
        self.lost = lost
    }

    /// The difference to `earlier`. Nil if a counter fell.
    package func since(_ earlier: SplitCounters) -> SplitCounters? {
        let added = SplitCounters(
            drawn: drawn - earlier.drawn, ended: ended - earlier.ended, givenUp: givenUp - earlier.givenUp,
            turnedAway: turnedAway - earlier.turnedAway, lost: lost - earlier.lost)
        return min(added.drawn, added.ended, added.givenUp, added.turnedAway, added.lost) < 0 ? nil : added
    }
}

/// The split of one revision of a route. Counted since the proxy started.
package struct SplitReport: Hashable, Codable, Sendable {
    package var deployment: DeploymentKey
    package var revision: Revision
    package var counters: SplitCounters

    package init(deployment: DeploymentKey, revision: Revision, counters: SplitCounters) {
        self.deployment = deployment
        self.revision = revision
        self.counters = counters
    }
}
