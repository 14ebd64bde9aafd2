import ModelManifests
import Serving

/// What deployments use, and will use, of their project's limits.
extension RolloutState {
    /// The demand of all revisions that serve or are being loaded.
    package func demand(_ observed: Observation?) -> ProjectDemand {
        let serving = [stable, rollout?.candidate].compactMap(\.self)
        var demand = serving.reduce(ProjectDemand()) { sum, deployed in
            sum + ProjectDemand(replicas: replicas(of: deployed, observed), of: deployed.template, at: target)
        }
        if rollout != nil { demand = demand + settings.checkDemand }
        demand.deployments = 1
        return demand
    }
}

extension ModelDeployment {
    /// The most that the deployment uses at once until it is as the manifest says. A new revision is loaded beside the
    /// one that serves, unless it waits for that one to stop.
    package func demand(from state: RolloutState?, _ observed: Observation?) -> ProjectDemand {
        var own = ProjectDemand(replicas: replicas, of: template, at: target)
        own.deployments = 1
        let stable = state?.stable
        if let stable, isServed(by: stable.template) { return own }
        own = own + checkDemand
        guard let stable else { return own }
        var serving = ProjectDemand(
            replicas: state?.replicas(of: stable, observed) ?? replicas, of: stable.template, at: target)
        if rollout.capacity == .surge, rollout.strategy != .recreate { return own + serving }
        serving.deployments = 1
        return own.peak(serving)
    }

    /// Files that change without a commit are pinned to a digest when they are read; the manifest does not name that
    /// digest.
    private func isServed(by other: ServingTemplate) -> Bool {
        guard template.model.digest == nil, let digest = other.model.digest else { return template == other }
        return template.pinned(to: digest) == other
    }
}
