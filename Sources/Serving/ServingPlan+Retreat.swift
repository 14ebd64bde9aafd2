import ModelManifests

extension ServingPlan {
    /// Whether the change from `before` to this plan only takes something away from `candidate` or gives more to
    /// others.
    ///
    /// Such a plan may be carried out before it is recorded, because it gives traffic only to revisions that users
    /// relied on before. Any other plan may make something worse, and is recorded first.
    ///
    /// True if all of these hold:
    /// - The candidate is gone, or it has no more traffic, copies and instances than before and no new preview.
    /// - Every other revision of the earlier plan is still there, with no fewer instances and no larger share of
    ///   copies, and no revision is new.
    /// - Deployment, site and endpoint are the same.
    /// - The candidate has less of something, or another revision has more instances. Where the revisions replace each
    ///   other, the candidate keeps its traffic until the other revision is back.
    package func isWithdrawal(from before: ServingPlan, of candidate: Revision) -> Bool {
        guard
            deployment == before.deployment, target.hasSameLocation(as: before.target), endpoint == before.endpoint,
            let judged = before.revisions.first(where: { $0.revision == candidate })
        else { return false }
        let now = revisions.first { $0.revision == candidate }
        guard now.map(judged.covers) ?? true else { return false }
        let others = revisions.filter { $0.revision != candidate }
        let othersBefore = before.revisions.filter { $0.revision != candidate }
        guard others.map(\.revision) == othersBefore.map(\.revision) else { return false }
        let areKept = zip(others, othersBefore).allSatisfy { new, old in
            new.template == old.template && new.replicas >= old.replicas && new.mirror <= old.mirror
        }
        let areMore = zip(others, othersBefore).contains { $0.replicas > $1.replicas }
        return areKept && (areMore || now.map { judged.hasMore(than: $0) } ?? true)
    }
}

extension ServingPlan {
    /// This plan without traffic for `candidate`, if `decided` gives the candidate less than this plan does.
    ///
    /// A decision that also goes forward (another candidate starts, the endpoint moves) cannot be carried out before it
    /// is recorded, but this safe part can. The candidate's traffic goes to another revision that has instances. If
    /// there is none, nothing changes.
    /// - Returns: nil if the decision takes nothing from the candidate, or if no other revision has instances.
    package func withdrawing(_ candidate: Revision, as decided: ServingPlan) -> ServingPlan? {
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
    /// Whether `later` has nothing that this plan does not have.
    fileprivate func covers(_ later: RevisionPlan) -> Bool {
        later.weight <= weight && later.mirror <= mirror && later.replicas <= replicas && later.template == template
            && (later.preview == nil || later.preview == preview)
    }

    fileprivate func hasMore(than later: RevisionPlan) -> Bool {
        later.weight < weight || later.mirror < mirror || later.replicas < replicas
    }
}
