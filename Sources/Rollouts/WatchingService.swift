import Foundation
import ModelManifests
import Serving

/// Detects whether the deployment serves as it should, and reports the start and the end of a shortage, in every phase.
extension DecisionPass {
    /// A shorter shortage appears in the status, but not in an event.
    static let shortageTellingDelay: TimeInterval = 3
    /// So long a server that ends again and again is not ready before it is said that it cannot serve.
    static let crashLoopPatience: TimeInterval = 5

    mutating func watchService() {
        updateNeededReplicas()
        guard let found = shortage() else {
            noteAvailability(state.stable != nil && !state.isRemoved)
            return endShortage()
        }
        noteAvailability(false)
        let isPortTaken = found.kind == .endpointClosed && observed.isEndpointPortTaken ? true : nil
        if let known = state.shortage, known.kind == found.kind {
            if known.reason != found.reason { state.shortage?.reason = found.reason }
            if known.isPortTaken != isPortTaken { state.shortage?.isPortTaken = isPortTaken }
        } else {
            let since = state.shortage?.since ?? now
            let isTold = state.shortage?.isTold ?? false
            let resting = state.rollout == nil
            transitionAtRest(.shortage, resting ? found.reason : nil) { state in
                state.shortage = Shortage(
                    kind: found.kind, since: since, reason: found.reason, isTold: isTold, isPortTaken: isPortTaken)
            }
            if found.kind == .cannotServe { tell(.failed, found.reason) }
        }
        guard let shortage = state.shortage, !shortage.isTold, shortage.kind != .intendedGap,
            now.timeIntervalSince(shortage.since) >= Self.shortageTellingDelay
        else { return }
        tell(.degraded, "not available: \(shortage.reason)")
    }

    private mutating func noteAvailability(_ isAvailable: Bool) {
        guard isAvailable != (state.availableSince != nil) else { return }
        state.availableSince = isAvailable ? now : nil
    }

    /// Without a rollout this changes the phase. With one, the rollout's phase stays.
    private mutating func transitionAtRest(
        _ event: PhaseEvent, _ message: String?, _ change: (inout RolloutState) -> Void
    ) {
        if case .resting = state.course { transition(event, message, change) } else { change(&state) }
    }

    private mutating func tell(_ kind: RolloutEvent.Kind, _ text: String) {
        state.shortage?.isTold = true
        record(kind, text, about: state.stable ?? state.rollout?.candidate)
    }

    private mutating func endShortage() {
        guard let shortage = state.shortage else { return }
        var text = "everything that should serve does"
        if case .resting(let rest) = state.course, let stable = state.stable {
            text = rest.setback?.reason ?? "version \(stable.version) serves"
        }
        transitionAtRest(.shortageOver, text) { $0.shortage = nil }
        guard shortage.isTold, let about = state.stable ?? state.rollout?.candidate else { return }
        record(
            shortage.kind == .cannotServe ? .recovered : .available,
            "available again after \(Duration.seconds(Int(now.timeIntervalSince(shortage.since))).goText)", about: about
        )
    }

    // MARK: - What is missing

    private typealias Missing = (kind: Shortage.Kind, reason: String)

    /// - Returns: nil if everything that should serve does, or if nothing should serve.
    private func shortage() -> (kind: Shortage.Kind, reason: String)? {
        guard let stable = state.stable, !state.isRemoved else { return nil }
        if state.rollout != nil, capacity.isGap {
            return observed.ready(stable.revision) > 0
                ? nil : (.intendedGap, "version \(stable.version) has stopped, and the candidate is not ready yet")
        }
        let serving = plan().revisions.filter { $0.weight > 0 }.map(\.revision)
        for deployed in [stable, state.rollout?.candidate].compactMap(\.self) where serving.contains(deployed.revision)
        {
            if let missing = missing(deployed) { return missing }
        }
        if let missing = missingOverBothSides(serving, stable) { return missing }
        guard observed.endpoint == nil else { return nil }
        return (
            .endpointClosed,
            "the endpoint is not open: \(observed.endpointProblem ?? "the data plane does not answer there yet")"
        )
    }

    private func missing(_ deployed: DeployedRevision) -> Missing? {
        let ready = observed.ready(deployed.revision)
        let wanted = replicas(of: deployed.revision)
        let needed: Int
        if state.rollout == nil {
            needed = state.needed(wanted)
        } else {
            // With `drainThenLoad` the numbers of both sides change from moment to moment, so one ready instance is
            // enough here.
            needed = state.rollout?.room == .surge ? state.needed(wanted) : 1
        }
        guard ready < needed else { return nil }
        if ready == 0, hasFailedForGood(deployed), let reason = cannotServe(deployed) { return (.cannotServe, reason) }
        return (
            .tooFewInstances,
            "\(ready) of \(needed) instances of version \(deployed.version) ready: \(notReadyReason(deployed))"
        )
    }

    /// A server that ends now and then, and is ready again soon, has not failed: its successor is compared with it.
    private func hasFailedForGood(_ deployed: DeployedRevision) -> Bool {
        if observed.instances.contains(where: { $0.revision == deployed.revision && $0.condition == .failed }) {
            return true
        }
        return state.shortage.map { now.timeIntervalSince($0.since) >= Self.crashLoopPatience } ?? false
    }

    /// With `drainThenLoad`, all instances except one must be ready, counted over both sides.
    private func missingOverBothSides(_ serving: [Revision], _ stable: DeployedRevision) -> Missing? {
        guard state.rollout?.room == .drain else { return nil }
        let ready = serving.reduce(0) { $0 + observed.ready($1) }
        let needed = state.needed(replicas(of: stable.revision)) - 1
        guard ready < needed else { return nil }
        let waiting = [state.rollout?.candidate, stable].compactMap(\.self).first { serving.contains($0.revision) }
        return (
            .tooFewInstances,
            "\(ready) of \(needed) instances of both revisions together are ready: \(notReadyReason(waiting ?? stable))"
        )
    }

    /// The number of instances in the manifest, or the number that an external autoscaler wants.
    func replicas(of revision: Revision) -> Int {
        guard state.settings.scaling == .external else { return state.settings.replicas }
        return observed.wantedReplicas[revision] ?? state.settings.replicas
    }

    /// Additional instances are needed once they are ready, or once they have taken too long.
    private mutating func updateNeededReplicas() {
        guard let growth = state.growth, let stable = state.stable else { return }
        let wanted = replicas(of: stable.revision)
        let isThere = observed.ready(stable.revision) >= wanted || growth.from >= wanted
        if isThere || now.timeIntervalSince(growth.since) >= progressDeadline / .seconds(1) { state.growth = nil }
    }
}
