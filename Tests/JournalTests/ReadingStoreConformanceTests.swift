import Analysis
import ControlPorts
import Foundation
import Journal
import ModelManifests
import TestSupport
import Testing

/// The guarantees of every reading store, tested against the model and against SQLite.
@Suite("A reading store")
struct ReadingStoreConformanceTests {
    enum Kind: String, CaseIterable, Sendable { case memory, journal }

    private let folder: TemporaryFolder
    private let fraud = DeploymentKey(namespace: "payments", name: "fraud")

    init() throws { folder = try TemporaryFolder() }

    private func store(_ kind: Kind) throws -> any ReadingStore {
        switch kind {
        case .memory: InMemoryReadingStore()
        case .journal: try JournalStore(path: folder.file())
        }
    }

    private func rollout(
        _ revision: String = "bbbbbbbbbb", at seconds: Double = 1_000.25, of deployment: DeploymentKey? = nil
    ) -> RecordedRollout.Identity {
        RecordedRollout.Identity(
            deployment: deployment ?? fraud, revision: Revision(rawValue: revision), version: "3",
            startedAt: Date(timeIntervalSince1970: seconds))
    }

    private func reading(_ t: Double, requests: Int, source: String = "proxy") -> RecordedReading {
        RecordedReading(
            t: t, source: source, stable: SideCounts(requests: requests * 3, latency: [1, 2], bounds: [0.1]),
            candidate: SideCounts(
                requests: requests, errors: 1, synthetic: RequestStratum(requests: 2), observed: ["score": [1, 2]],
                pairs: PairCounts(pairs: 3, disagreements: 1, distance: 0.5), named: ["tokens": 12.5]))
    }

    private func bare(_ readings: [RecordedReading]) -> [RecordedReading] {
        readings.map { reading in
            var reading = reading
            reading.position = 0
            return reading
        }
    }

    @Test("returns everything that was stored, in order, in parts", arguments: Kind.allCases)
    func roundTrip(kind: Kind) async throws {
        let store = try store(kind)
        let readings = (1...5).map { reading(Double($0), requests: $0 * 10) }
        try await store.append(Array(readings[..<3]), to: rollout())
        try await store.append(Array(readings[3...]), to: rollout())
        let kept = try await store.rollouts(of: fraud)
        #expect(kept.map(\.identity) == [rollout()])
        #expect(kept.map(\.readings) == [5])
        let number = try #require(kept.first?.number)
        let all = try await store.readings(of: number, in: fraud, after: 0, limit: 100)
        #expect(bare(all) == readings)
        let part = try await store.readings(of: number, in: fraud, after: all[1].position, limit: 2)
        #expect(part == Array(all[2...3]))
        #expect(try await store.readings(of: number, in: fraud, after: all[4].position, limit: 2) == [])
        #expect(try await store.readings(of: number, in: DeploymentKey(name: "other"), after: 0, limit: 9) == [])
    }

    @Test("returns the last reading of each source", arguments: Kind.allCases)
    func last(kind: Kind) async throws {
        let store = try store(kind)
        #expect(try await store.lastReadings(of: rollout()) == [])
        let readings = [
            reading(1, requests: 1), reading(2, requests: 2, source: "outcomes"), reading(3, requests: 3),
            reading(4, requests: 4),
        ]
        try await store.append(readings, to: rollout())
        #expect(bare(try await store.lastReadings(of: rollout())) == [readings[1], readings[3]])
    }

    @Test(
        "distinguishes a revision's second rollout from its first, newest first, separately for each deployment",
        arguments: Kind.allCases)
    func rollouts(kind: Kind) async throws {
        let store = try store(kind)
        let other = DeploymentKey(namespace: "crm", name: "churn")
        for identity in [rollout(), rollout(at: 2_000), rollout("cccccccccc", at: 3_000), rollout(of: other)] {
            try await store.append([reading(1, requests: 1)], to: identity)
        }
        let kept = try await store.rollouts(of: fraud)
        #expect(kept.map(\.identity) == [rollout("cccccccccc", at: 3_000), rollout(at: 2_000), rollout()])
        #expect(try await store.rollouts(of: other).count == 1)
    }

    @Test("keeps the newest rollouts of a deployment", arguments: Kind.allCases)
    func bound(kind: Kind) async throws {
        let store = try store(kind)
        for index in 0..<(RecordedRollout.perDeploymentLimit + 3) {
            try await store.append([reading(1, requests: 1)], to: rollout(at: Double(index)))
        }
        let kept = try await store.rollouts(of: fraud)
        #expect(kept.count == RecordedRollout.perDeploymentLimit)
        #expect(kept.last?.identity.startedAt == Date(timeIntervalSince1970: 3))
    }

    @Test("keeps the readings of a rollout that is full", arguments: Kind.allCases)
    func full(kind: Kind) async throws {
        let store = try store(kind)
        let half = RecordedRollout.readingLimit / 2
        let readings = (0..<half).map { RecordedReading(t: Double($0), stable: SideCounts(), candidate: SideCounts()) }
        for _ in 0..<2 { try await store.append(readings, to: rollout()) }
        try await store.append([reading(1, requests: 1)], to: rollout())
        #expect(try await store.rollouts(of: fraud).map(\.readings) == [RecordedRollout.readingLimit])
    }

    @Test("deletes rollouts that began too long ago, with their readings")
    func age() async throws {
        let store = try JournalStore(path: folder.file())
        for seconds in [100.0, 200, 300] {
            try await store.append([reading(1, requests: 1)], to: rollout(at: seconds))
        }
        try await store.prune(readingsOfRolloutsBefore: Date(timeIntervalSince1970: 250))
        let kept = try await store.rollouts(of: fraud)
        #expect(kept.map(\.identity) == [rollout(at: 300)])
        let number = try #require(kept.first?.number)
        #expect(try await store.readings(of: number, in: fraud, after: 0, limit: 9).count == 1)
        #expect(try await store.readings(of: number - 1, in: fraud, after: 0, limit: 9) == [])
    }
}
