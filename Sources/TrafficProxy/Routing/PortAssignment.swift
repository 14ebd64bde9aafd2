import ModelManifests

/// Who answers at a port: a deployment, or one of its revisions at its preview port.
struct PortOwner: Hashable, Sendable {
    var deployment: DeploymentKey
    /// Nil: the deployment's endpoint.
    var preview: Revision?

    /// Of two that ask for one port at the same time, the lesser gets it.
    static func < (left: PortOwner, right: PortOwner) -> Bool {
        (left.deployment, left.preview?.rawValue ?? "") < (right.deployment, right.preview?.rawValue ?? "")
    }
}

/// Which owner answers at which open port, while owners move from port to port. Pure.
///
/// # Guarantees
/// - An owner that answers somewhere keeps that port until the port that it wants is open and free for it.
/// - A port goes from one owner to another as it is, open: it is never closed in between. So owners swap ports, also in
///   a ring, and an owner that is gone leaves its port to its successor.
struct PortAssignment: Hashable, Sendable {
    /// For each open port that stays open.
    private(set) var answers: [Int: PortOwner] = [:]
    /// Ports that are wanted and not open.
    private(set) var opens: Set<Int> = []
    /// By owner, who has the port that it wants.
    private(set) var waits: [PortOwner: PortOwner] = [:]

    /// - Parameters:
    ///   - wanted: one port for each owner; nil: the one that it has, if it has any.
    ///   - open: the ports that are open, and who answered there until now; nil: nobody yet.
    init(wanted: [PortOwner: Int?], open: [Int: PortOwner?]) {
        var held: [PortOwner: Int] = [:]
        for case (let port, let owner?) in open where wanted[owner] != nil { held[owner] = port }
        let claims = Self.claims(wanted, held, open)
        var satisfied: [PortOwner: Int] = [:]
        for (port, owner) in claims where open[port] != nil { satisfied[owner] = port }

        // Assumes that everybody moves, and takes back what cannot: so a ring moves together.
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

    /// Each port's one owner: whoever has it and stays, or else the least of those that want it.
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
