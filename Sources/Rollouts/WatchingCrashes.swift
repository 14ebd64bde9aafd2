import ModelManifests
import Serving

/// Compares crash loops of the candidate's servers with those of stable's.
extension DecisionPass {
    mutating func watchCrashes() {
        guard var rollout = state.rollout, rollout.withdrawal == nil, let stable = state.stable?.revision else {
            return
        }
        var watch = rollout.crashes ?? CrashWatch()
        watch.look(
            at: observed.instances, stable: stable, candidate: rollout.candidate.revision, weight: rollout.weight)
        rollout.crashes = watch.isEmpty ? nil : watch
        if rollout.crashes != state.rollout?.crashes { state.rollout = rollout }
    }

    /// Why the revision's servers crash for good; nil while they may still recover.
    func crashLoop(of deployed: DeployedRevision, _ instances: [InstanceObservation]) -> String? {
        let looping = instances.filter {
            $0.condition == .crashLooping && $0.restarts >= Self.crashLoopRestartLimit
        }
        guard let first = looping.first else { return nil }
        guard let (watch, stable) = comparedCrashes(of: deployed) else { return words(first) }
        if let hopeless = looping.first(where: { watch.neverServes($0.id) }) {
            return watch.isShared(by: stable.revision, observed.instances)
                ? nil : "\(words(hopeless)), without being ready in between"
        }
        guard watch.isWorse else { return nil }
        return "\(words(first)); its servers ended \(watch.candidateEnds) times in this rollout, those of version "
            + "\(stable.version) \(watch.stableEnds) times"
    }

    /// The comparison with a stable revision that runs beside the candidate. Nil if there is none, or if the rollout goes back to
    /// an earlier revision: then every crash loop counts against the candidate.
    private func comparedCrashes(of deployed: DeployedRevision) -> (CrashWatch, stable: DeployedRevision)? {
        guard let rollout = state.rollout, rollout.purpose == .release, rollout.candidate == deployed,
            let watch = rollout.crashes, let stable = state.stable,
            observed.instances.contains(where: { $0.revision == stable.revision && $0.condition != .draining })
        else { return nil }
        return (watch, stable)
    }

    private func words(_ instance: InstanceObservation) -> String {
        let reason = instance.reason.map { ": \($0)" } ?? ""
        return "instance \(instance.id) keeps crashing (\(instance.restarts) restarts)\(reason)"
    }
}
