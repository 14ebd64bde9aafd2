/// The maximum numbers of connections of a listener.
package struct ConnectionLimits: Hashable, Sendable {
    /// Unauthenticated connections: per peer, and in total.
    package var unprovedOfPeer: Int
    package var unproved: Int
    /// Authenticated connections: per caller, and in total.
    package var ofCaller: Int
    package var proved: Int

    static let api = ConnectionLimits(unprovedOfPeer: 64, unproved: 256, ofCaller: 128, proved: 512)
    static let probes = ConnectionLimits(unprovedOfPeer: 32, unproved: 128, ofCaller: 0, proved: 0)
}

/// Counts connections and decides which must be closed to admit a new one. Pure.
///
/// An unauthenticated connection never keeps out another one: if there are too many, the oldest of them is closed. A peer that
/// opens thousands of connections without authenticating closes its own. Authenticated connections are never closed to make room.
struct ConnectionQuota: Equatable {
    typealias ID = ObjectIdentifier

    private struct Connection: Equatable {
        var peer: String
        /// Increases with every connection: the lowest is the oldest.
        var order: Int
        /// The verified caller; nil while unauthenticated.
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

    /// - Returns: the connections to close. They no longer count.
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

    /// Marks a connection as authenticated. This may happen repeatedly, also with another caller.
    /// - Returns: whether there is room for it. If not, the connection stays unauthenticated.
    mutating func prove(_ id: ID, caller: String) -> Bool {
        guard let connection = connections[id] else { return true }
        if connection.caller == caller { return true }
        doubt(id)
        guard connections.count - unprovedCount < limits.proved, ofCaller[caller, default: 0] < limits.ofCaller else {
            return false
        }
        connections[id]?.caller = caller
        removeUnauthenticated(id, connection.peer)
        ofCaller[caller, default: 0] += 1
        return true
    }

    /// The last request on the connection was not authenticated.
    mutating func doubt(_ id: ID) {
        guard let connection = connections[id], let caller = connection.caller else { return }
        connections[id]?.caller = nil
        releaseCaller(caller)
        unproved[connection.peer, default: []].insert(id)
        unprovedCount += 1
    }

    mutating func close(_ id: ID) {
        guard let connection = connections.removeValue(forKey: id) else { return }
        if let caller = connection.caller { releaseCaller(caller) } else { removeUnauthenticated(id, connection.peer) }
    }

    private mutating func releaseCaller(_ caller: String) {
        let left = ofCaller[caller, default: 0] - 1
        ofCaller[caller] = left > 0 ? left : nil
    }

    private mutating func removeUnauthenticated(_ id: ID, _ peer: String) {
        guard unproved[peer]?.remove(id) != nil else { return }
        unprovedCount -= 1
        if unproved[peer]?.isEmpty == true { unproved[peer] = nil }
    }

    /// The search visits at most `limits.unproved` peers.
    private var busiestPeer: String? { unproved.max { ($0.value.count, $0.key) < ($1.value.count, $1.key) }?.key }

    private mutating func dropOldest(of peer: String) -> ID? {
        let oldest = unproved[peer]?.min { connections[$0]?.order ?? 0 < connections[$1]?.order ?? 0 }
        if let oldest { close(oldest) }
        return oldest
    }
}
