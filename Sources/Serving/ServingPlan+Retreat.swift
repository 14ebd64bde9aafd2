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

extension RevisionPlan {
    /// - Parameter other: nil: it is gone.
    fileprivate func isReduced(to other: RevisionPlan?) -> Bool {
        guard let other else { return weight > 0 || mirror > 0 }
        return (other.weight < weight || other.mirror < mirror) && other.weight <= weight && other.mirror <= mirror
            && other.replicas <= replicas && other.template == template
            && (other.preview == nil || other.preview == preview)
    }
}
