import Foundation
import KubernetesClient
import ModelManifests

/// Starts the one Job of a check.
extension ClusterChecks {
    /// Creates the Job, or finds the one that was created before.
    /// - Throws: `ClusterServingError` if there can be no Job, `CancellationError`.
    func start(_ rendering: CheckJobRendering) async throws -> (job: CheckJob, uid: String) {
        let began = api.stopwatch.elapsed()
        var last: APIError?
        while api.stopwatch.elapsed() - began < CheckPolling.awayLimit {
            do {
                let job = try rendering.job(owner: try await owner(of: rendering.inquiry.deployment))
                if let uid = try await found(job) { return (job, uid) }
                guard try await deleteOtherRuns(job) else {
                    guard api.stopwatch.elapsed() - began < Self.endLimit else {
                        throw ClusterServingError(
                            .refused,
                            "an earlier run of the check has not ended within \(Self.endLimit.goText): look at the Jobs "
                                + "of \(job.deployment)")
                    }
                    try await api.stopwatch.sleep(Self.look)
                    continue
                }
                if let uid = try await made(job) { return (job, uid) }
            } catch let error as APIError {
                let name = "Job \(CheckJobRendering.name(of: rendering.inquiry))"
                // The request may have reached the server: look for the Job before sending it again.
                guard case .transient = error.retry else {
                    throw ClusterServingError(error, about: "the check's \(name) cannot be created")
                }
                last = error
                try await api.stopwatch.sleep(Self.look)
            }
        }
        let name = "Job \(CheckJobRendering.name(of: rendering.inquiry))"
        throw last.map { ClusterServingError($0, about: "the check's \(name) cannot be created") }
            ?? ClusterServingError(
                .refused, "\(name) is still being deleted: look at its finalizers")
    }

    /// - Returns: nil if there is no Job, or it is being deleted.
    /// - Throws: `ClusterServingError` if it is not as mlctl created it: its result would mean nothing.
    private func found(_ job: CheckJob) async throws -> String? {
        guard let seen = try await api.once(within: Self.patience).get(CheckJobObject.self, job.key),
            !seen.isBeingDeleted, let uid = seen.metadata.uid
        else { return nil }
        if let difference = seen.isCheck
            ? CheckSpecComparison.difference(of: seen.spec, from: job) : "it is not mlctl's"
        {
            throw ClusterServingError(
                .foreignObject,
                "Job \(job.key) exists already, and is not as mlctl would create it: \(difference). Another version of mlctl "
                    + "or somebody else created it: delete it")
        }
        return uid
    }

    /// - Returns: nil if another controller was faster, or the earlier Job is still ending: look for it again.
    private func made(_ job: CheckJob) async throws -> String? {
        do {
            return try await api.once(within: Self.patience)
                .create(.jobs, namespace: job.key.namespace, body: job.body.jsonData).uid
        } catch let error as APIError where error.reason == .status(code: 409, reason: "AlreadyExists") {
            try await api.stopwatch.sleep(Self.look)
            return nil
        }
    }

    /// Two runs of one gate would count as one and cost twice. Foreground deletion removes a Job only after its pods.
    private func deleteOtherRuns(_ job: CheckJob) async throws -> Bool {
        let selector = "\(ObjectLabels.checkSelector),\(ObjectLabels.deployment)=\(job.deployment.name)"
        let others = try await api.once(within: Self.patience)
            .list(CheckJobObject.self, .init(namespace: job.key.namespace, labelSelector: selector)).items
            .filter { $0.metadata.annotations[ObjectAnnotations.gate] == job.gate && $0.metadata.name != job.key.name }
        for other in others where !other.isBeingDeleted {
            try await api.once(within: Self.patience)
                .delete(.jobs, other.metadata.key, uid: other.metadata.uid, propagation: .foreground)
        }
        return others.isEmpty
    }

    /// - Returns: nil if there is no ModelDeployment.
    private func owner(of deployment: DeploymentKey) async throws -> OwnerReference? {
        try await owners.owner(of: deployment)
    }
}
