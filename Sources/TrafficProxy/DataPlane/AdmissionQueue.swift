import ModelManifests
import NIOCore
import Serving

/// Requests that wait until an instance of their revision has room for one more, the longest wait first.
///
/// That a service is given more than it takes at a time is nobody's failure: what waits, and what is turned away, is in no
/// revision's counters. The time that is waited here is no instance's latency.
final class AdmissionQueue {
    let deployment: DeploymentKey
    /// Nil while the route has no limit: nobody waits.
    private var limit: ConcurrencyLimit?
    private var instances: [Instance] = []
    private var waiting = CircularBuffer<ClientConnection>()
    /// For want of room in the queue, or because the wait was too long.
    private(set) var refused = 0

    init(_ deployment: DeploymentKey) { self.deployment = deployment }

    var count: Int { waiting.count }
    var timeout: Duration { limit?.queueTimeout ?? .zero }

    /// Follows the routes. `settle` is to be called once they are in force.
    /// - Parameter limit: nil where there is none, or the revision is gone.
    func follow(_ limit: ConcurrencyLimit?, instances: [Instance]) {
        self.limit = limit
        self.instances = instances
        for instance in instances { instance.queue = limit == nil ? nil : self }
    }

    /// Those who wait go on where there is room now; nobody waits for a revision that has no instance.
    func settle(now: Int64) {
        while instances.isEmpty || limit == nil, let client = waiting.popFirst() { client.admitted() }
        instanceFreed(now: now)
    }

    /// - Returns: false where the instance has as much as it takes at a time.
    @inline(__always)
    func hasRoom(at instance: Instance) -> Bool { instance.inFlight < limit?.perInstance ?? .max }

    /// A request may be sent at once: some instance has room, and nobody waits for that.
    func isOpen(now: Int64) -> Bool { waiting.isEmpty && canSend(now: now) }

    /// Some instance has room. One that is out of rotation counts only where all are: it is free because it fails.
    private func canSend(now: Int64) -> Bool {
        var isAnyInRotation = false
        for instance in instances where !instance.isOutOfRotation(now: now) {
            if hasRoom(at: instance) { return true }
            isAnyInRotation = true
        }
        return !isAnyInRotation && instances.contains(where: hasRoom)
    }

    /// - Parameter first: it had its turn already.
    /// - Returns: false where too many wait already.
    func enter(_ client: ClientConnection, first: Bool) -> Bool {
        guard let limit, waiting.count < limit.queueDepth || first else {
            refused += 1
            return false
        }
        if first { waiting.prepend(client) } else { waiting.append(client) }
        return true
    }

    func leave(_ client: ClientConnection) {
        if let index = waiting.firstIndex(where: { $0 === client }) { waiting.remove(at: index) }
    }

    /// The client has waited too long.
    func giveUp(_ client: ClientConnection) {
        refused += 1
        leave(client)
    }

    var isEmpty: Bool { waiting.isEmpty }

    /// An instance has ended a request.
    func instanceFreed(now: Int64) {
        while !waiting.isEmpty, canSend(now: now), let client = waiting.popFirst() { client.admitted() }
    }
}
