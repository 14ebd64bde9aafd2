import ControlPorts
import ModelManifests

/// A model of a reading store. The journal's test suite checks it too.
package actor InMemoryReadingStore: ReadingStore {
    private var kept: [RecordedRollout] = []
    private var readings: [Int: [RecordedReading]] = [:]
    private var positions = 0
    private var numbers = 0

    package init() {}

    package func append(_ readings: [RecordedReading], to rollout: RecordedRollout.Identity) {
        let index = index(of: rollout) ?? open(rollout)
        guard kept[index].readings + readings.count <= RecordedRollout.readingLimit else { return }
        for reading in readings {
            positions += 1
            var reading = reading
            reading.position = positions
            self.readings[kept[index].number, default: []].append(reading)
        }
        kept[index].readings += readings.count
    }

    package func lastReadings(of rollout: RecordedRollout.Identity) -> [RecordedReading] {
        guard let index = index(of: rollout) else { return [] }
        let all = readings[kept[index].number] ?? []
        return Dictionary(grouping: all, by: \.source).values.compactMap(\.last).sorted { $0.position < $1.position }
    }

    package func rollouts(of deployment: DeploymentKey) -> [RecordedRollout] {
        kept.filter { $0.identity.deployment == deployment }.reversed()
    }

    package func readings(
        of rollout: Int, in deployment: DeploymentKey, after position: Int, limit: Int
    ) -> [RecordedReading] {
        guard kept.contains(where: { $0.number == rollout && $0.identity.deployment == deployment }) else { return [] }
        return Array((readings[rollout] ?? []).filter { $0.position > position }.prefix(max(limit, 0)))
    }

    private func index(of rollout: RecordedRollout.Identity) -> Int? { kept.firstIndex { $0.identity == rollout } }

    private func open(_ rollout: RecordedRollout.Identity) -> Int {
        let own = kept.filter { $0.identity.deployment == rollout.deployment }
        if own.count >= RecordedRollout.perDeploymentLimit, let oldest = own.first {
            kept.removeAll { $0.number == oldest.number }
            readings[oldest.number] = nil
        }
        numbers += 1
        kept.append(RecordedRollout(number: numbers, identity: rollout, readings: 0))
        return kept.count - 1
    }
}
