import ControllerRuntime
import Foundation
import ModelManifests
import Rollouts
import Serving

/// Carries out a decision: tells the backend, and schedules the next pass.
extension Controller {
    /// Tells the backend what to serve. A call that takes long continues in parallel with the passes. A newer plan replaces it.
    func carryOut(_ plan: ServingPlan, _ key: DeploymentKey, at place: Place) async {
        let isAnother = entries[key]?.plan != plan
        if !isAnother, entries[key]?.isAppliedLate == true {
            entries[key]?.isAppliedLate = false
            return
        }
        if !isAnother, let retry = entries[key]?.retries[.applying], with.now() < retry.notBefore { return }
        let limit = configuration.limits.applying
        if openCalls[OpenCall.Key(deployment: key, step: .applying)] != nil, isAnother {
            guard await giveUp(.applying, of: key, within: limit) else {
                note("the backend is still applying the previous decision", .applying, of: key)
                return
            }
        }
        entries[key]?.plan = plan
        entries[key]?.isAppliedLate = false
        _ = try? await step(
            .applying, of: key, within: limit,
            late: { controller, result in
                guard case .success = result, controller.entries[key]?.plan == plan else { return }
                controller.entries[key]?.isAppliedLate = true
                controller.entries[key]?.troubles[.applying] = nil
                controller.entries[key]?.retries[.applying] = nil
            }, { try await place.site.backend.apply(plan) })  // Throws only when cancelled, which the pass checks next.
    }

    /// There is neither a record nor a readable manifest.
    func nothingToDecide(_ key: DeploymentKey, at place: Place) async -> Requeue {
        if let plan = entries[key]?.plan, plan.revisions.isEmpty {
            await carryOut(plan, key, at: place)
            return left(key)
        }
        forgetIfGone(key)
        return entries[key]?.retries[.pinning] == nil ? .done : requeue(key, decision: nil)
    }

    /// The deployment has no state any more. Once the backend has taken everything down, the entry is forgotten. Git may already
    /// ask for it again, perhaps at another site.
    func left(_ key: DeploymentKey) -> Requeue {
        guard entries[key]?.troubles[.applying] == nil else { return requeue(key, decision: nil) }
        entries[key]?.site = nil
        entries[key]?.plan = nil
        if manifests.wish(for: key) != .removed { return .after(.zero) }
        forgetIfGone(key)
        return .done
    }

    /// When the next pass happens, unless something triggers it earlier.
    func requeue(_ key: DeploymentKey, decision: Decision?) -> Requeue {
        let now = with.now()
        guard let entry = entries[key] else { return .done }
        let failed = entry.troubles.failed
        if failed { counts.failures += 1 }
        let revisions = entry.plan?.revisions ?? []
        let isJudged = revisions.count { $0.weight > 0 || $0.mirror > 0 } > 1 || entry.state?.phase == .rollingBack
        let urgency: Urgency = isJudged ? .judging : revisions.count > 1 ? .changing : .routine
        var delay = decision?.lookAgainAt.map { Duration.seconds(max(0, $0.timeIntervalSince(now))) }
        if failed, delay == nil {
            let retry = entry.failure ?? .transient
            return .backoff(retry == .terminal ? .waiting : retry)
        }
        if let retry = entry.retries[.pinning] {
            let wait = Duration.seconds(max(0.1, retry.notBefore.timeIntervalSince(now)))
            delay = min(delay ?? configuration.restingInterval, wait)
        }
        return .after(delay ?? configuration.restingInterval, urgency)
    }

    /// If there are no readings, the last known ids stay.
    func keepFailedRequestIds(_ readings: [Reading]?, of candidate: Revision?, for key: DeploymentKey) {
        guard let candidate else {
            entries[key]?.failedRequestIds = []
            return
        }
        guard let readings else { return }
        entries[key]?.failedRequestIds = readings.failedRequestIds(
            of: candidate, limit: RolloutEvent.failedRequestLimit)
    }
}
