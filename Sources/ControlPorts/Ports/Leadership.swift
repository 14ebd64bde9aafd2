/// Leader election among controllers of the same deployments: one works, the others stand by.
///
/// The compare-and-swap of records is what prevents conflicts at all times. Leadership only keeps the controllers from disturbing
/// each other.
package protocol Leadership: Sendable {
    /// Takes part in the election until its task is cancelled, and gives up the lead before it returns.
    func run() async
    /// Measured with this controller's own clock: false from the moment at which another controller could lead.
    var isLeading: Bool { get }
    /// The current leader, as far as is known.
    var leader: String? { get }
    /// Whether the leader is another controller.
    var anotherLeads: Bool { get }
    /// The address of the leader's API, as published by the leader: `http://host:port`; nil if it is unknown.
    var leaderAPI: String? { get }
    /// Why the leader is unknown: the lease cannot be reached. Nil if it can.
    var problem: String? { get }
    /// `isLeading`, first as it is now, then whenever it changes.
    var changes: AsyncStream<Bool> { get }
}

extension Leadership {
    package var leaderAPI: String? { nil }
}

/// Whether a controller leads, for its API.
package enum LeadershipStatus: Equatable, Sendable {
    /// It leads, or there is no election.
    case leads
    /// It stands by, so its state may be outdated: the leader knows the current one.
    /// - Parameters:
    ///   - reason: the message if the leader cannot be asked.
    ///   - remembers: whether it led before and no other leader is known; it then shows its last known state.
    case standsBy(leader: String?, api: String?, reason: String, remembers: Bool = false)
}

/// The lead was lost during a pass; its decision is not carried out.
package struct LeadershipLost: Error, CustomStringConvertible {
    package init() {}

    package var description: String {
        "this controller is no longer the leader: send the request to the controller that leads now"
    }
}
