import ModelManifests

/// The owner of a port: a deployment's endpoint, or the preview of one of its revisions.
struct PortOwner: Hashable, Sendable {
    var deployment: DeploymentKey
    /// Nil for the deployment's endpoint.
    var preview: Revision?

    /// If two owners ask for one port at the same time, the smaller one gets it.
    static func < (left: PortOwner, right: PortOwner) -> Bool {
        (left.deployment, left.preview?.rawValue ?? "") < (right.deployment, right.preview?.rawValue ?? "")
    }
}

/// Decides which owner answers at which open port, while owners move between ports. Pure.
///
/// # Guarantees
/// - An owner that answers at a port keeps it until the port that it wants is open and free for it.
/// - A port passes from one owner to another while it stays open, without being closed in between. So owners can swap ports, also
///   in a ring, and a removed owner passes its port to its successor.
struct PortAssignment: Hashable, Sendable {
    /// The owner of each open port that stays open.
    private(set) var answers: [Int: PortOwner] = [:]
    /// Ports that are wanted but not open.
    private(set) var opens: Set<Int> = []
    /// For each waiting owner, the owner of the port that it wants.
    private(set) var waits: [PortOwner: PortOwner] = [:]

    /// - Parameters:
    ///   - wanted: one port per owner. Nil: the port that it has, if any.
    ///   - open: the open ports and their current owners. Nil: no owner yet.
    init(wanted: [PortOwner: Int?], open: [Int: PortOwner?]) {
        var held: [PortOwner: Int] = [:]
        for case (let port, let owner?) in open where wanted[owner] != nil { held[owner] = port }
        let claims = Self.claims(wanted, held, open)
        var satisfied: [PortOwner: Int] = [:]
        for (port, owner) in claims where open[port] != nil { satisfied[owner] = port }

        // Assumes that all owners move, then takes back the moves that are impossible. So a ring of owners moves together.
        var stuck = satisfied.keys.filter { owner in
            guard let port = satisfied[owner], let holder = open[port] ?? nil, holder != owner else { return false }
            return held[holder] == port && satisfied[holder] == nil
        }
        while let owner = stuck.popLast() {
            guard satisfied.removeValue(forKey: owner) != nil, let port = held[owner] else { continue }
            if let next = claims[port], next != owner, satisfied[next] != nil { stuck.append(next) }
        }

        for (owner, port) in satisfied { answers[port] = owner }
        for (owner, port) in held where satisfied[owner] == nil { answers[port] = owner }
        for (owner, asked) in wanted where satisfied[owner] == nil {
            guard let port = asked, held[owner] != port else { continue }
            if let other = answers[port] ?? claims[port], other != owner {
                waits[owner] = other
            } else if open[port] == nil {
                opens.insert(port)
            }
        }
    }

    /// One owner for each port: the one that has it and stays, or else the smallest of those that want it.
    private static func claims(
        _ wanted: [PortOwner: Int?], _ held: [PortOwner: Int], _ open: [Int: PortOwner?]
    ) -> [Int: PortOwner] {
        var claims: [Int: PortOwner] = [:]
        for (owner, asked) in wanted {
            guard let port = asked ?? held[owner] else { continue }
            guard let other = claims[port] else {
                claims[port] = owner
                continue
            }
            let isFirst = held[owner] == port || held[other] != port && owner < other
            if isFirst { claims[port] = owner }
        }
        return claims
    }
}
