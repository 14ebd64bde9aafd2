import ModelManifests

extension ServingPlan {
    /// Whether going from `before` to this plan does nothing but take something away from `candidate`, or give others more.
    ///
    /// Such a plan may be carried out before it is recorded: what it gives traffic to had been relied upon before. Everything
    /// else may make something worse, and is recorded first.
    ///
    /// True where all of this holds:
    /// - The candidate's traffic, copies and instances are no more than before, and it has no preview that it did not have; or
    ///   it is gone.
    /// - Every other revision of before is still there, with no fewer instances and no larger share of copies; and no
    ///   revision is new.
    /// - Deployment, place and endpoint are the same.
    /// - The candidate has less of something, or another revision has more instances: where one makes room for the other,
    ///   the candidate keeps its traffic until the other is back.
    public func isRetreat(from before: ServingPlan, of candidate: Revision) -> Bool {
        guard
            deployment == before.deployment, target.isSamePlace(as: before.target), endpoint == before.endpoint,
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
    /// Whether `later` has nothing that this one does not have.
    fileprivate func covers(_ later: RevisionPlan) -> Bool {
        later.weight <= weight && later.mirror <= mirror && later.replicas <= replicas && later.template == template
            && (later.preview == nil || later.preview == preview)
    }

    fileprivate func hasMore(than later: RevisionPlan) -> Bool {
        later.weight < weight || later.mirror < mirror || later.replicas < replicas
    }
}
