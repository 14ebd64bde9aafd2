/// An election among controllers of the same deployments: one of them works, the others wait.
///
/// The record's compare-and-swap is what keeps two of them apart at all times; leading only keeps them out of each
/// other's way.
public protocol Leadership: Sendable {
    /// Takes part until its task is cancelled, and gives the lead up before it returns.
    func run() async
    /// By this controller's own clock: false from the moment at which somebody else could lead.
    var isLeading: Bool { get }
    /// Who leads, as far as is known.
    var leader: String? { get }
    /// That is not this controller.
    var anotherLeads: Bool { get }
    /// Where the API of the one who leads answers, as that one says: `http://host:port`; nil where it is not known.
    var leaderAPI: String? { get }
    /// Why nobody can tell who leads: the place where turns are taken cannot be reached. Nil where it can.
    var problem: String? { get }
    /// `isLeading` whenever it changes, as it is now first.
    var changes: AsyncStream<Bool> { get }
}

extension Leadership {
    public var leaderAPI: String? { nil }
}

/// Whether a controller does the work, for those who ask it something.
public enum LeaderStanding: Equatable, Sendable {
    /// Or nobody else could.
    case leads
    /// What it knows is not what is so: ask the one who leads.
    /// - Parameters:
    ///   - reason: what is to be said where that cannot be asked.
    ///   - remembers: it led before, and nobody is known to know better: it shows what it knew last, as that.
    case standsBy(leader: String?, api: String?, reason: String, remembers: Bool = false)
}

/// The lead was lost in the middle of a pass: what it decided is not carried out.
struct LeadershipLost: Error, CustomStringConvertible {
    var description: String { "the lead was lost meanwhile: ask the controller that leads now" }
}
