import ModelManifests
import Serving

/// One running model server.
package struct InstanceStatus: Hashable, Codable, Sendable {
    package var id: String
    package var revision: Revision
    /// `fetching`, `blocked`, `starting`, `ready`, `unready`, `draining`, `crashLooping` or `failed`.
    package var condition: String
    package var restarts: Int
    /// Whether the data plane has ejected it: it gets no requests for a while.
    package var ejected: Bool
    /// What is wrong and what to do; null if nothing is.
    @Nullable package var reason: String?

    package init(
        id: String, revision: Revision, condition: String, restarts: Int = 0, ejected: Bool = false,
        reason: String? = nil
    ) {
        self.id = id
        self.revision = revision
        self.condition = condition
        self.restarts = restarts
        self.ejected = ejected
        self.reason = reason
    }

    init(_ seen: InstanceObservation) {
        self.init(
            id: seen.id, revision: seen.revision, condition: seen.condition.rawValue, restarts: seen.restarts,
            ejected: seen.isEjected == true, reason: seen.reason)
    }

    /// Whether something is wrong with it.
    var isTroubled: Bool { condition != InstanceObservation.Condition.ready.rawValue || ejected || reason != nil }
}

extension [InstanceObservation] {
    /// Instances with problems come first. The order is stable.
    func statuses(limit: Int) -> [InstanceStatus] {
        let all: [InstanceStatus] = map { InstanceStatus($0) }
        let ordered = all.sorted { ($0.isTroubled ? 0 : 1, $0.id) < ($1.isTroubled ? 0 : 1, $1.id) }
        return [InstanceStatus](ordered.prefix(limit))
    }

    /// The progress of instances that do not serve yet, such as `1 fetching, 2 starting`; nil if all serve.
    var progress: String? {
        let order: [(InstanceObservation.Condition, String)] = [
            (.fetching, "fetching"), (.blocked, "blocked"), (.starting, "starting"), (.unready, "not ready"),
            (.crashLooping, "crash looping"), (.failed, "failed"), (.draining, "draining"),
        ]
        let parts = order.compactMap { condition, word -> String? in
            let count = self.count { $0.condition == condition }
            return count == 0 ? nil : "\(count) \(word)"
        }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }
}

extension [Reading] {
    /// Requests meant for a revision that none of its instances could take. Revisions without any are left out.
    var unavailable: [Revision: Int] {
        sums { $0.unavailable }
    }

    /// Requests whose clients gave up while an instance of the revision was working on the answer.
    var abandoned: [Revision: Int] { sums { $0.abandonedTotal } }

    /// The cost of all instances of a revision together.
    var costs: [Revision: InstanceCost] {
        reduce(into: [:]) { costs, reading in
            guard let cost = reading.cost else { return }
            let before = costs[reading.revision] ?? InstanceCost(cpuSeconds: 0, memoryBytes: 0)
            costs[reading.revision] = InstanceCost(
                cpuSeconds: before.cpuSeconds + cost.cpuSeconds, memoryBytes: before.memoryBytes + cost.memoryBytes)
        }
    }

    private func sums(_ count: (RequestCounters) -> Int) -> [Revision: Int] {
        Dictionary(map { ($0.revision, count($0.counters)) }, uniquingKeysWith: +).filter { $0.value > 0 }
    }
}

extension Int {
    /// Nil for 0, so that the status leaves it out.
    var ifAny: Int? { self == 0 ? nil : self }
}
