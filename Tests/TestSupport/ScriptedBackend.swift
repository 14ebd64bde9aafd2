import Controller
import Foundation
import ModelManifests
import Serving

/// A backend as a model of one: what a plan asks for is so at the next look. Weights it is not given are refused.
package actor ScriptedBackend: ServingBackend {
    package nonisolated let changes: AsyncStream<DeploymentKey>
    private let changed: AsyncStream<DeploymentKey>.Continuation
    package private(set) var plans: [DeploymentKey: ServingPlan] = [:]
    package private(set) var applied = 0
    private var failure: (any Error)?
    private var conditions: [Revision: InstanceObservation.Condition] = [:]

    package init() {
        (changes, changed) = AsyncStream.makeStream(
            of: DeploymentKey.self, bufferingPolicy: .bufferingNewest(1024))
    }

    package func deployments() -> [DeploymentKey] { plans.keys.sorted() }

    package func observe(_ deployment: DeploymentKey) throws -> Observation {
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
            weights: Dictionary(plan.revisions.map { ($0.revision, $0.weight) }) { first, _ in first })
    }

    package func apply(_ plan: ServingPlan) throws {
        if let failure { throw failure }
        let sum = plan.revisions.map(\.weight).reduce(0, +)
        precondition(sum == 0 || sum == 100, "weights that sum to \(sum)")
        applied += 1
        guard plans[plan.deployment] != plan else { return }
        plans[plan.deployment] = plan.revisions.isEmpty ? nil : plan
        changed.yield(plan.deployment)
    }

    package func pin(_ model: ModelSource) -> Digest? { nil }

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

    package init(_ snapshot: ManifestSnapshot) { self.snapshot = snapshot }

    package func fetch() throws -> ManifestSnapshot {
        if let failure { throw failure }
        return snapshot
    }

    package func isAncestor(_ commit: String, of descendant: String) -> Bool { commit <= descendant }

    package func commit(_ snapshot: ManifestSnapshot) { self.snapshot = snapshot }

    package func fail(with error: (any Error)?) { failure = error }
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
