import ModelManifests

extension ServingPlan {
    /// Whether going from `before` to this plan does nothing but take traffic away from `candidate`.
    ///
    /// Such a plan may be carried out before it is recorded: what it gives traffic to had been relied upon before. Everything
    /// else may make something worse, and is recorded first.
    ///
    /// True where all of this holds:
    /// - The candidate's share of the traffic, or of its copies, is lower than before, or the candidate is gone. Neither
    ///   share is higher, nor has it more instances, nor a preview that it did not have.
    /// - Every other revision of before is still there, with no fewer instances and no larger share of copies; and no
    ///   revision is new.
    /// - Deployment, place and endpoint are the same.
    public func isRetreat(from before: ServingPlan, of candidate: Revision) -> Bool {
        guard
            deployment == before.deployment, target.isSamePlace(as: before.target), endpoint == before.endpoint,
            let judged = before.revisions.first(where: { $0.revision == candidate })
        else { return false }
        let now = revisions.first { $0.revision == candidate }
        guard judged.isReduced(to: now) else { return false }
        let others = revisions.filter { $0.revision != candidate }
        let othersBefore = before.revisions.filter { $0.revision != candidate }
        guard others.map(\.revision) == othersBefore.map(\.revision) else { return false }
        return zip(others, othersBefore).allSatisfy { new, old in
            new.template == old.template && new.replicas >= old.replicas && new.mirror <= old.mirror
        }
    }
}

extension ServingPlan {
    /// This plan, with no traffic for `candidate`, where `decided` gives it less than this one does.
    ///
    /// For a decision that also goes forward (another candidate starts, the endpoint moves) and so cannot be carried out
    /// before it is recorded: its safe part can. What the candidate had goes to the other revision; where there is none, it
    /// stays as it is.
    /// - Returns: nil where the decision takes nothing from the candidate.
    public func withdrawing(_ candidate: Revision, as decided: ServingPlan) -> ServingPlan? {
        guard let index = revisions.firstIndex(where: { $0.revision == candidate }) else { return nil }
        let later = decided.revisions.first { $0.revision == candidate }
        let (weight, mirror) = (later?.weight ?? 0, later?.mirror ?? 0)
        guard weight < revisions[index].weight || mirror < revisions[index].mirror else { return nil }
        guard let other = revisions.indices.first(where: { $0 != index && revisions[$0].replicas > 0 }) else {
            return nil
        }
        var plan = self
        plan.revisions[other].weight += revisions[index].weight
        plan.revisions[index].weight = 0
        plan.revisions[index].mirror = 0
        return plan
    }
}

extension RevisionPlan {
    /// - Parameter other: nil: it is gone.
    fileprivate func isReduced(to other: RevisionPlan?) -> Bool {
        guard let other else { return weight > 0 || mirror > 0 }
        return (other.weight < weight || other.mirror < mirror) && other.weight <= weight && other.mirror <= mirror
            && other.replicas <= replicas && other.template == template
            && (other.preview == nil || other.preview == preview)
    }
}
