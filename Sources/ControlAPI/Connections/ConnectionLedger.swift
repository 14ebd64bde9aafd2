/// How many connections a listener holds, of whom.
public struct ConnectionLimits: Hashable, Sendable {
    /// Of those that have not proved who they are: of one peer, and of all.
    public var unprovedOfPeer: Int
    public var unproved: Int
    /// Of those that have: of one caller, and of all.
    public var ofCaller: Int
    public var proved: Int

    static let api = ConnectionLimits(unprovedOfPeer: 64, unproved: 256, ofCaller: 128, proved: 512)
    static let probes = ConnectionLimits(unprovedOfPeer: 32, unproved: 128, ofCaller: 0, proved: 0)
}

/// Which connections are there, and which have to go so that another can be. Pure.
///
/// A connection that has not proved who it is never keeps another one out: where there are too many, the oldest of them
/// goes. So whoever opens thousands and says nothing closes his own. One that has proved it stays.
struct ConnectionLedger: Equatable {
    typealias ID = ObjectIdentifier

    private struct Connection: Equatable {
        var peer: String
        /// Rises with every connection: the least is the oldest.
        var order: Int
        /// Who it proved to be; nil: nobody yet.
        var caller: String?
    }

    let limits: ConnectionLimits
    private var connections: [ID: Connection] = [:]
    private var unproved: [String: Set<ID>] = [:]
    private var unprovedCount = 0
    private var ofCaller: [String: Int] = [:]
    private var lastOrder = 0

    init(limits: ConnectionLimits) { self.limits = limits }

    var count: Int { connections.count }

    /// - Returns: the connections to close, oldest first. They are no longer counted.
    mutating func open(_ id: ID, from peer: String) -> [ID] {
        close(id)
        lastOrder += 1
        connections[id] = Connection(peer: peer, order: lastOrder)
        unproved[peer, default: []].insert(id)
        unprovedCount += 1
        var leaving: [ID] = []
        if unproved[peer, default: []].count > limits.unprovedOfPeer {
            leaving += dropOldest(of: peer).map { [$0] } ?? []
        }
        if unprovedCount > limits.unproved, let busiest = busiestPeer {
            leaving += dropOldest(of: busiest).map { [$0] } ?? []
        }
        return leaving
    }

    /// It has proved who it is; a connection may do so again and again, also for somebody else.
    /// - Returns: whether there is room for it. Where there is not, it stays one that has not.
    mutating func prove(_ id: ID, caller: String) -> Bool {
        guard let connection = connections[id] else { return true }
        if connection.caller == caller { return true }
        doubt(id)
        guard connections.count - unprovedCount < limits.proved, ofCaller[caller, default: 0] < limits.ofCaller else {
            return false
        }
        connections[id]?.caller = caller
        leaveUnproved(id, connection.peer)
        ofCaller[caller, default: 0] += 1
        return true
    }

    /// What it sent last proves nothing.
    mutating func doubt(_ id: ID) {
        guard let connection = connections[id], let caller = connection.caller else { return }
        connections[id]?.caller = nil
        leaveCaller(caller)
        unproved[connection.peer, default: []].insert(id)
        unprovedCount += 1
    }

    mutating func close(_ id: ID) {
        guard let connection = connections.removeValue(forKey: id) else { return }
        if let caller = connection.caller { leaveCaller(caller) } else { leaveUnproved(id, connection.peer) }
    }

    private mutating func leaveCaller(_ caller: String) {
        let left = ofCaller[caller, default: 0] - 1
        ofCaller[caller] = left > 0 ? left : nil
    }

    private mutating func leaveUnproved(_ id: ID, _ peer: String) {
        guard unproved[peer]?.remove(id) != nil else { return }
        unprovedCount -= 1
        if unproved[peer]?.isEmpty == true { unproved[peer] = nil }
    }

    /// Few peers, or each with few connections: a walk over at most `limits.unproved` of them.
    private var busiestPeer: String? { unproved.max { ($0.value.count, $0.key) < ($1.value.count, $1.key) }?.key }

    private mutating func dropOldest(of peer: String) -> ID? {
        let oldest = unproved[peer]?.min { connections[$0]?.order ?? 0 < connections[$1]?.order ?? 0 }
        if let oldest { close(oldest) }
        return oldest
    }
}
