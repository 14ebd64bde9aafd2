import Foundation
import ModelManifests
import Serving

/// Whether what should serve does: told as it begins and as it ends, in every phase.
extension DecisionPass {
    /// A shortage that is over sooner is in the status, and in no event.
    static let shortageTellingDelay: TimeInterval = 3
    /// So long a server that ends again and again is not ready before it is said that it cannot serve.
    static let crashLoopPatience: TimeInterval = 5

    mutating func watchService() {
        growNeeds()
        guard let found = shortage() else {
            noteAvailability(state.stable != nil && !state.isRemoved)
            return endShortage()
        }
        noteAvailability(false)
        if let known = state.shortage, known.kind == found.kind {
            if known.reason != found.reason { state.shortage?.reason = found.reason }
        } else {
            let since = state.shortage?.since ?? now
            let isTold = state.shortage?.isTold ?? false
            let resting = state.rollout == nil
            transitionOfService(.shortage, resting ? found.reason : nil) { state in
                state.shortage = Shortage(kind: found.kind, since: since, reason: found.reason, isTold: isTold)
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

    /// Without a rollout it is a change of phase; with one, the rollout's phase stays.
    private mutating func transitionOfService(
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
        var text = "all that should serve does"
        if case .resting(let rest) = state.course, let stable = state.stable {
            text = rest.setback?.reason ?? "version \(stable.version) serves"
        }
        transitionOfService(.shortageOver, text) { $0.shortage = nil }
        guard shortage.isTold, let about = state.stable ?? state.rollout?.candidate else { return }
        record(
            shortage.kind == .cannotServe ? .recovered : .available,
            "available again after \(Duration.seconds(Int(now.timeIntervalSince(shortage.since))).goText)", about: about
        )
    }

    // MARK: - What is missing

    private typealias Missing = (kind: Shortage.Kind, reason: String)

    /// - Returns: nil where all that should serve does, and where nothing should.
    private func shortage() -> (kind: Shortage.Kind, reason: String)? {
        guard let stable = state.stable, !state.isRemoved else { return nil }
        if state.rollout != nil, capacity.isGap {
            return observed.ready(stable.revision) > 0
                ? nil : (.intendedGap, "version \(stable.version) has made way, and its successor is not ready yet")
        }
        let serving = plan().revisions.filter { $0.weight > 0 }.map(\.revision)
        for deployed in [stable, state.rollout?.candidate].compactMap(\.self) where serving.contains(deployed.revision)
        {
            if let missing = missing(deployed) { return missing }
        }
        if let missing = missingTogether(serving, stable) { return missing }
        guard observed.endpoint == nil else { return nil }
        return (
            .endpointClosed,
            "the endpoint is not open: \(observed.endpointProblem ?? "the data plane does not answer at it yet")"
        )
    }

    private func missing(_ deployed: DeployedRevision) -> Missing? {
        let ready = observed.ready(deployed.revision)
        let wanted = replicas(of: deployed.revision)
        let needed: Int
        if state.rollout == nil {
            needed = state.needed(wanted)
        } else {
            // Where one makes room for the other, numbers change from moment to moment.
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

    /// Where one makes room for the other, all but one of the instances serve, on whichever side.
    private func missingTogether(_ serving: [Revision], _ stable: DeployedRevision) -> Missing? {
        guard state.rollout?.room == .drain else { return nil }
        let ready = serving.reduce(0) { $0 + observed.ready($1) }
        let needed = state.needed(replicas(of: stable.revision)) - 1
        guard ready < needed else { return nil }
        let waiting = [state.rollout?.candidate, stable].compactMap(\.self).first { serving.contains($0.revision) }
        return (
            .tooFewInstances,
            "\(ready) of \(needed) instances ready on both sides together: \(notReadyReason(waiting ?? stable))"
        )
    }

    /// The manifest's number, or that of whoever scales it.
    func replicas(of revision: Revision) -> Int {
        guard state.settings.scaling == .external else { return state.settings.replicas }
        return observed.wantedReplicas[revision] ?? state.settings.replicas
    }

    /// Instances that a manifest wants in addition are needed once they are there, or when it has taken too long.
    private mutating func growNeeds() {
        guard let growth = state.growth, let stable = state.stable else { return }
        let wanted = replicas(of: stable.revision)
        let isThere = observed.ready(stable.revision) >= wanted || growth.from >= wanted
        if isThere || now.timeIntervalSince(growth.since) >= progressDeadline / .seconds(1) { state.growth = nil }
    }
}
