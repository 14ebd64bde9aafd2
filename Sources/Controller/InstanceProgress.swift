import ControlPorts
import ModelManifests
import Serving

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
