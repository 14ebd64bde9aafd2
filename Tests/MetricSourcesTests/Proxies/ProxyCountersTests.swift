import ControlPorts
import MetricSources
import ModelManifests
import Serving
import Synchronization
import TestSupport
import Testing

@Suite("The proxy's counters", .timeLimit(.minutes(10)))
struct ProxyCountersTests {
    struct Unreachable: Error {}

    private static let fraud = DeploymentKey(namespace: "payments", name: "fraud")
    private static let churn = DeploymentKey(namespace: "crm", name: "churn")
    private let old = Revision(rawValue: "aaaaaaaaaa")
    private let new = Revision(rawValue: "bbbbbbbbbb")

    /// The `requests` of its first instance say how often it was asked.
    private func report(epoch: String = "e1", asked: Int = 1) -> ProxyReport {
        ProxyReport(
            epoch: epoch, generation: 3,
            instances: [
                InstanceReport(
                    deployment: Self.fraud, revision: old, instance: "f-1",
                    counters: RequestCounters(requests: asked, errors: 1, rejected: 2, latency: [0], bounds: [0.1])),
                InstanceReport(
                    deployment: Self.churn, revision: old, instance: "c-1", counters: RequestCounters(requests: 7)),
                InstanceReport(
                    deployment: Self.fraud, revision: new, instance: "f-2", counters: RequestCounters(requests: 9),
                    ejected: true, failedRequestIds: ["r-1", "r-2"]),
            ])
    }

    @Test("are readings of the deployment's own instances, with the proxy's epoch")
    func mapping() async throws {
        let source = ProxyCounters { report(epoch: "e7", asked: 12) }
        #expect(
            try await source.readings(for: Self.fraud) == [
                Reading(
                    instance: "f-1", revision: old, epoch: "e7",
                    counters: RequestCounters(requests: 12, errors: 1, rejected: 2, latency: [0], bounds: [0.1])),
                Reading(
                    instance: "f-2", revision: new, epoch: "e7", counters: RequestCounters(requests: 9),
                    failedRequestIds: ["r-1", "r-2"]),
            ])
        #expect(try await source.readings(for: Self.churn).map(\.instance) == ["c-1"])
        #expect(try await source.readings(for: DeploymentKey(name: "unknown")) == [])
    }

    @Test("belong to no instance if a revision could not serve requests")
    func unavailable() async throws {
        let source = ProxyCounters {
            ProxyReport(
                epoch: "e1", generation: 1,
                unavailable: [
                    UnavailableReport(deployment: Self.fraud, revision: new, requests: 4, slices: ["a=x": 3]),
                    UnavailableReport(deployment: Self.churn, revision: new, requests: 0),
                ])
        }
        #expect(
            try await source.readings(for: Self.fraud) == [
                Reading(
                    instance: Reading.unserved(new), revision: new, epoch: "e1",
                    counters: RequestCounters(unavailable: 4, slices: ["a=x": SliceCounters(unavailable: 3)]))
            ])
        #expect(try await source.readings(for: Self.churn).isEmpty)
    }

    @Test("belong to the revision if they say how requests were split")
    func split() async throws {
        let counters = SplitCounters(drawn: 9, ended: 7, lost: 1)
        let source = ProxyCounters(answers: {
            [
                ProxyAnswer(
                    proxy: "p1",
                    report: ProxyReport(
                        epoch: "e1", generation: 1,
                        splits: [SplitReport(deployment: Self.fraud, revision: new, counters: counters)]))
            ]
        })
        #expect(
            try await source.readings(for: Self.fraud) == [
                Reading(
                    instance: Reading.split(new) + "@p1", revision: new, epoch: "e1", counters: RequestCounters(),
                    split: counters)
            ])
    }

    @Test("are fetched once for all callers that ask during the fetch")
    func coalescing() async throws {
        let asked = Mutex(0)
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let source = ProxyCounters(clock: ManualClock()) {
            let nth = asked.withLock {
                $0 += 1
                return $0
            }
            for await _ in gate {}
            return report(asked: nth)
        }
        try await withThrowingTaskGroup(of: [Reading].self) { group in
            for index in 0..<1_000 {
                group.addTask { try await source.readings(for: index.isMultiple(of: 2) ? Self.fraud : Self.churn) }
            }
            while asked.withLock({ $0 }) == 0 { await Task.yield() }
            open.finish()
            for try await readings in group { #expect(!readings.isEmpty) }
        }
        #expect(asked.withLock { $0 } == 1)
    }

    @Test("are reused for a moment, and then fetched again")
    func freshness() async throws {
        let clock = ManualClock()
        let asked = Mutex(0)
        let source = ProxyCounters(freshness: .milliseconds(50), clock: clock) {
            report(
                asked: asked.withLock {
                    $0 += 1
                    return $0
                })
        }
        func requests() async throws -> Int? { try await source.readings(for: Self.fraud).first?.counters.requests }
        #expect(try await requests() == 1)
        clock.advance(by: .milliseconds(50))
        #expect(try await requests() == 1)
        clock.advance(by: .milliseconds(1))
        #expect(try await requests() == 2)
    }

    @Test("that cannot be fetched are an error for those who asked, and are fetched again by the next caller")
    func errors() async throws {
        let fails = Mutex(true)
        let source = ProxyCounters(clock: ManualClock()) {
            if fails.withLock({ $0 }) { throw Unreachable() }
            return report()
        }
        await #expect(throws: Unreachable.self) { try await source.readings(for: Self.fraud) }
        fails.withLock { $0 = false }
        #expect(try await source.readings(for: Self.fraud).count == 2)
    }

    @Test("reach the other callers when one of those that share the report is cancelled")
    func cancellation() async throws {
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let asked = Mutex(0)
        let source = ProxyCounters(clock: ManualClock()) {
            asked.withLock { $0 += 1 }
            for await _ in gate {}
            try Task.checkCancellation()
            return report()
        }
        let first = Task { try await source.readings(for: Self.fraud) }
        while asked.withLock({ $0 }) == 0 { await Task.yield() }
        let second = Task { try await source.readings(for: Self.fraud) }
        first.cancel()
        open.finish()
        #expect(try await second.value.count == 2)
    }
}
