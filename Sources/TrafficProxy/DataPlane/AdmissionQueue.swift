import ModelManifests
import NIOCore
import Serving

/// Requests that wait until an instance of their revision has room. The longest wait comes first.
///
/// More requests than a service can take are not a failure of a revision: requests that wait or are refused here are in no
/// revision's counters. The time in the queue is not part of an instance's latency.
final class AdmissionQueue {
    let deployment: DeploymentKey
    /// Nil if the route has no limit. Then no request waits.
    private var limit: ConcurrencyLimit?
    private var instances: [Instance] = []
    private var waiting = CircularBuffer<ClientConnection>()
    /// Requests refused because the queue was full or the wait was too long.
    private(set) var refused = 0

    init(_ deployment: DeploymentKey) { self.deployment = deployment }

    var count: Int { waiting.count }
    var timeout: Duration { limit?.queueTimeout ?? .zero }

    /// Follows the routes. Call `settle` once they are in force.
    /// - Parameter limit: nil if there is none, or if the revision was removed.
    func follow(_ limit: ConcurrencyLimit?, instances: [Instance]) {
        self.limit = limit
        self.instances = instances
        for instance in instances { instance.queue = limit == nil ? nil : self }
    }

    /// Sends waiting requests if there is room now. No request waits for a revision without instances.
    func settle(now: Int64) {
        while instances.isEmpty || limit == nil, let client = waiting.popFirst() { client.admitted() }
        instanceFreed(now: now)
    }

    /// - Returns: false if the instance has its maximum number of requests.
    @inline(__always)
    func hasRoom(at instance: Instance) -> Bool { instance.inFlight < limit?.perInstance ?? .max }

    /// Whether a request may be sent at once: an instance has room, and no request waits for it.
    func isOpen(now: Int64) -> Bool { waiting.isEmpty && canSend(now: now) }

    /// Whether an instance has room. Ejected instances count only if all are ejected: such an instance has room because it fails.
    private func canSend(now: Int64) -> Bool {
        var isAnyInRotation = false
        for instance in instances where !instance.isCurrentlyEjected(now: now) {
            if hasRoom(at: instance) { return true }
            isAnyInRotation = true
        }
        return !isAnyInRotation && instances.contains(where: hasRoom)
    }

    /// - Parameter first: whether the request had its turn already.
    /// - Returns: false if too many requests wait.
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

    /// An instance has finished a request.
    func instanceFreed(now: Int64) {
        while !waiting.isEmpty, canSend(now: now), let client = waiting.popFirst() { client.admitted() }
    }
}
