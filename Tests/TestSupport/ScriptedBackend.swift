import ControlPorts
import Foundation
import ModelManifests
import Serving

/// A simple model of a backend: a plan is fulfilled at the next look. It refuses invalid weights.
package actor ScriptedBackend: ServingBackend {
    package nonisolated let changes: AsyncStream<DeploymentKey>
    private let changed: AsyncStream<DeploymentKey>.Continuation
    package private(set) var plans: [DeploymentKey: ServingPlan] = [:]
    package private(set) var applied = 0
    package private(set) var observed = 0
    private var failure: (any Error)?
    private var applyFailure: (any Error)?
    private var conditions: [Revision: InstanceObservation.Condition] = [:]
    /// Reports every apply as a change, like a backend that cannot tell.
    private var isNoisy = false
    /// Calls block while their barrier is closed, except for exempt deployments.
    package nonisolated let observing = Barrier()
    package nonisolated let applying = Barrier()
    package nonisolated let pinning = Barrier()
    private var exempt: Set<DeploymentKey> = []
    private var digests: [String: Digest] = [:]
    private var removed: Set<String> = []
    private var remembersPlans = false
    private var outageReason: String?
    /// Looks at whether it can be reached.
    package private(set) var looks = 0
    package private(set) var pinned: [String] = []
    package private(set) var checked: [String] = []

    package init() {
        (changes, changed) = AsyncStream.makeStream(
            of: DeploymentKey.self, bufferingPolicy: .bufferingNewest(1024))
    }

    package func deployments() -> [DeploymentKey] { plans.keys.sorted() }

    package func observe(_ deployment: DeploymentKey) async throws -> Observation {
        if !exempt.contains(deployment) { await observing.pass() }
        observed += 1
        if let failure { throw failure }
        guard let plan = plans[deployment] else { return Observation(weights: [:]) }
        let instances = plan.revisions.flatMap { revision in
            (0..<revision.replicas).map { number in
                InstanceObservation(
                    id: "\(revision.revision)-\(number)", revision: revision.revision,
                    condition: conditions[revision.revision] ?? .ready)
            }
        }
        return Observation(
            instances: instances, endpoint: plan.isOpen ? "http://127.0.0.1:9000" : nil,
            weights: Dictionary(plan.revisions.map { ($0.revision, $0.weight) }) { first, _ in first },
            plan: remembersPlans ? plan : nil)
    }

    /// From now on observations have the last plan, as after a restart of a machine's backend.
    package func rememberPlans() { remembersPlans = true }

    package func apply(_ plan: ServingPlan) async throws {
        if !exempt.contains(plan.deployment) { await applying.pass() }
        if let failure = applyFailure ?? failure { throw failure }
        let sum = plan.revisions.map(\.weight).reduce(0, +)
        precondition(sum == 0 || sum == 100, "weights that sum to \(sum)")
        applied += 1
        let wanted = plan.revisions.isEmpty ? nil : plan
        if isNoisy || plans[plan.deployment] != wanted { changed.yield(plan.deployment) }
        plans[plan.deployment] = wanted
    }

    /// Models under `/hangs/` block while `pinning` is closed.
    package func pin(_ model: ModelSource) async throws -> Digest? {
        let uri = model.storageURI ?? ""
        pinned.append(uri)
        if uri.contains("/hangs/") { await pinning.pass() }
        if uri.contains("/missing/") || removed.contains(uri) { throw ControlError(.unavailable, "there is no \(uri)") }
        return digests[uri]
    }

    package func check(_ model: ModelSource, against digest: Digest) throws -> ModelSourceCheck {
        let uri = model.storageURI ?? ""
        checked.append(uri)
        if removed.contains(uri) { return .missing }
        return digests[uri] == digest ? .unchanged : .changed
    }

    package func outage() -> String? { outageReason }

    package func reach() -> String? {
        looks += 1
        return outageReason
    }

    /// From now on it cannot be looked at, or can be again (nil). Nothing tells the controller.
    package func cutOff(_ reason: String?) { outageReason = reason }

    package func hold(_ digest: Digest, at uri: String) { digests[uri] = digest }

    /// From now on there are no files at the URI.
    package func remove(_ uri: String) { removed.insert(uri) }

    package func failApplying(with error: (any Error)?) { applyFailure = error }

    /// Calls for these deployments continue while the others block.
    package func exempt(_ deployments: Set<DeploymentKey>) { exempt = deployments }

    package func makeNoisy() { isNoisy = true }

    package func fail(with error: (any Error)?) { failure = error }

    package func make(_ revision: Revision, _ condition: InstanceObservation.Condition) {
        conditions[revision] = condition
        for key in plans.keys { changed.yield(key) }
    }
}

/// A repository whose commits are set by hand.
package actor ScriptedSource: ManifestSource {
    private var snapshot: ManifestSnapshot
    private var failure: (any Error)?

    /// The commit of an earlier start.
    private var last: ManifestSnapshot?

    package init(_ snapshot: ManifestSnapshot) { self.snapshot = snapshot }

    package func fetch() throws -> ManifestSnapshot {
        if let failure { throw failure }
        last = snapshot
        return snapshot
    }

    package func lastRead() -> ManifestSnapshot? { last }

    package func isAncestor(_ commit: String, of descendant: String) -> Bool { commit <= descendant }

    package func commit(_ snapshot: ManifestSnapshot) { self.snapshot = snapshot }

    package func fail(with error: (any Error)?) { failure = error }
}

/// Counters that grow with every look, by the weights of the current plan. Candidates answer with errors, or do not.
package actor ScriptedCounters: MetricSource {
    private let backend: ScriptedBackend
    private var counters: [DeploymentKey: [Revision: RequestCounters]] = [:]
    private var failing: Set<Revision> = []
    private var requests = 400
    private var failure: (any Error)?
    package nonisolated let barrier = Barrier()

    package init(_ backend: ScriptedBackend) { self.backend = backend }

    /// From now on half of the revision's answers are errors.
    package func makeFailing(_ revision: Revision) { failing.insert(revision) }

    /// Each look adds this many requests to a deployment.
    package func setTraffic(_ requests: Int) { self.requests = requests }

    package func fail(with error: (any Error)?) { failure = error }

    package func readings(for deployment: DeploymentKey) async throws -> [Reading] {
        await barrier.pass()
        if let failure { throw failure }
        let plan = await backend.plans[deployment]
        return (plan?.revisions ?? []).map { revision in
            var now =
                counters[deployment]?[revision.revision] ?? RequestCounters(latency: [0], bounds: [1])
            let added = requests * revision.weight / 100
            now.requests += added
            now.latency[0] += added
            if failing.contains(revision.revision) { now.errors += added / 2 }
            counters[deployment, default: [:]][revision.revision] = now
            return Reading(
                instance: "\(revision.revision)-0", revision: revision.revision, epoch: "1", counters: now)
        }
    }
}

package struct NoReadings: MetricSource {
    package init() {}

    package func readings(for deployment: DeploymentKey) -> [Reading] { [] }
}

package struct NoLogs: LogSource {
    package init() {}

    package func logs(of deployment: DeploymentKey, revision: Revision?, lines: Int) -> [LogLine] {
        []
    }
}
