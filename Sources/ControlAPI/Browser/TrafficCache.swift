import ControlPorts
import Dashboard
import Foundation
import ModelManifests
import Synchronization

/// The traffic of rollouts, read from their recorded readings. A page that refreshes reads only what is new.
///
/// Bounded: so many rollouts, and so many points for each. It holds nothing that a caller may not see: every caller's rights are
/// checked before.
final class TrafficCache: Sendable {
    static let mostRollouts = 32
    /// How many pages of readings one request reads; the next request goes on.
    private static let mostPages = 4

    private struct Key: Hashable {
        var deployment: DeploymentKey
        var rollout: Int
        var startedAt: Date
    }

    private struct Entry {
        var points = TrafficPoints()
        var position = 0
        var usedAt = 0
    }

    private struct State {
        var entries: [Key: Entry] = [:]
        var uses = 0
    }

    private let state = Mutex(State())

    /// - Returns: empty if the rollout has no recorded readings.
    func points(
        of trail: RolloutTrail, in deployment: DeploymentKey, from seen: AuthorizedSurface
    ) async throws -> TrafficPoints {
        let recorded = try await seen.recordedRollouts(of: deployment).filter { $0.identity.revision == trail.revision }
        let nearest = recorded.min {
            abs($0.identity.startedAt.timeIntervalSince(trail.startedAt))
                < abs($1.identity.startedAt.timeIntervalSince(trail.startedAt))
        }
        guard let nearest else { return TrafficPoints() }
        let key = Key(deployment: deployment, rollout: nearest.number, startedAt: nearest.identity.startedAt)
        var entry = state.withLock { $0.entries[key] } ?? Entry()
        for _ in 0..<Self.mostPages {
            let readings = try await seen.recordedReadings(
                of: nearest.number, in: deployment, after: entry.position, limit: APILimits.readings)
            entry.points.absorb(readings)
            guard let last = readings.last else { break }
            entry.position = last.position
            guard readings.count == APILimits.readings else { break }
        }
        let found = entry
        return state.withLock { state in
            state.uses += 1
            // Another request may have read further meanwhile.
            var kept = found
            if let other = state.entries[key], other.position > found.position { kept = other }
            kept.usedAt = state.uses
            state.entries[key] = kept
            while state.entries.count > Self.mostRollouts,
                let oldest = state.entries.min(by: { $0.value.usedAt < $1.value.usedAt })
            {
                state.entries[oldest.key] = nil
            }
            return kept.points
        }
    }
}
