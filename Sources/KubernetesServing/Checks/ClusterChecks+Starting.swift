import Foundation
import KubernetesClient
import ModelManifests

/// From a check that is asked for to its one Job.
extension ClusterChecks {
    /// Makes the Job, or finds it where it was made before.
    /// - Throws: `ClusterServingError` where it cannot be had, `CancellationError`.
    func start(_ rendering: CheckJobRendering) async throws -> (job: CheckJob, uid: String) {
        let began = api.stopwatch.elapsed()
        var last: APIError?
        while api.stopwatch.elapsed() - began < CheckVigil.awayLimit {
            do {
                let job = try rendering.job(owner: try await owner(of: rendering.inquiry.deployment))
                if let uid = try await found(job) { return (job, uid) }
                guard try await othersAreGone(job) else {
                    guard api.stopwatch.elapsed() - began < Self.endLimit else {
                        throw ClusterServingError(
                            .refused,
                            "an earlier run of the check has not ended within \(Self.endLimit.goText): see the Jobs "
                                + "of \(job.deployment)")
                    }
                    try await api.stopwatch.sleep(Self.look)
                    continue
                }
                if let uid = try await made(job) { return (job, uid) }
            } catch let error as APIError {
                let name = "Job \(CheckJobRendering.name(of: rendering.inquiry))"
                // What was sent may have come through: it is looked for before it is sent again.
                guard case .transient = error.retry else {
                    throw ClusterServingError(error, about: "the check's \(name) cannot be made")
                }
                last = error
                try await api.stopwatch.sleep(Self.look)
            }
        }
        let name = "Job \(CheckJobRendering.name(of: rendering.inquiry))"
        throw last.map { ClusterServingError($0, about: "the check's \(name) cannot be made") }
            ?? ClusterServingError(
                .refused, "\(name) is still being deleted: see its finalizers")
    }

    /// - Returns: nil where there is none, or it is about to be gone.
    /// - Throws: `ClusterServingError` where it is not as it was made: nobody knows what it would say.
    private func found(_ job: CheckJob) async throws -> String? {
        guard let seen = try await api.once(within: Self.patience).get(SeenJob.self, job.key),
            !seen.isBeingDeleted, let uid = seen.metadata.uid
        else { return nil }
        if let difference = seen.isCheck ? CheckLikeness.difference(of: seen.spec, from: job) : "it is not mlctl's" {
            throw ClusterServingError(
                .foreignObject,
                "Job \(job.key) is there already, and not as mlctl would make it: \(difference). Another version of mlctl "
                    + "made it, or somebody else: delete it")
        }
        return uid
    }

    /// - Returns: nil where somebody was faster, or the one before it still ends: it is looked for again.
    private func made(_ job: CheckJob) async throws -> String? {
        do {
            return try await api.once(within: Self.patience)
                .create(.jobs, namespace: job.key.namespace, body: job.body.jsonData).uid
        } catch let error as APIError where error.reason == .status(code: 409, reason: "AlreadyExists") {
            try await api.stopwatch.sleep(Self.look)
            return nil
        }
    }

    /// Two runs of one gate would be counted as one, and cost twice. Pods included: a Job that is deleted in the foreground
    /// goes after them.
    private func othersAreGone(_ job: CheckJob) async throws -> Bool {
        let selector = "\(ObjectLabels.checkSelector),\(ObjectLabels.deployment)=\(job.deployment.name)"
        let others = try await api.once(within: Self.patience)
            .list(SeenJob.self, .init(namespace: job.key.namespace, labelSelector: selector)).items
            .filter { $0.metadata.annotations[ObjectAnnotations.gate] == job.gate && $0.metadata.name != job.key.name }
        for other in others where !other.isBeingDeleted {
            try await api.once(within: Self.patience)
                .delete(.jobs, other.metadata.key, uid: other.metadata.uid, propagation: .foreground)
        }
        return others.isEmpty
    }

    /// - Returns: nil where there is no ModelDeployment.
    private func owner(of deployment: DeploymentKey) async throws -> OwnerReference? {
        try await owners.owner(of: deployment)
    }
}
