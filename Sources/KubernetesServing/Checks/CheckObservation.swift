import KubernetesClient
import ModelManifests

/// What a check's Job and its pod say about the check at one moment. Pure.
///
/// The exit code of the check's container decides, not the Job: a Job is not complete while a sidecar runs, and fails if
/// anything ends its pod.
struct CheckObservation {
    enum Word: Hashable, Sendable {
        /// - Parameter trouble: what delays the start; nil: nothing that is known.
        case starting(Trouble?)
        case running(pod: String)
        case exited(Int, pod: String)
        /// - Parameter pod: the pod whose log says more; nil: there is none.
        case undecided(String, pod: String?)
    }

    struct Trouble: Hashable, Sendable {
        var text: String
        /// Whether the cluster may solve it without a person: a node is added, a queue admits the Job.
        var mayPass: Bool
    }

    let job: CheckJob
    let uid: String
    /// Nil: no Job with that name exists.
    let seen: CheckJobObject?
    /// All pods with the Job's label.
    let pods: [CheckPodObject]
    /// How long the check may run.
    let limit: Duration
    /// The reason that the cluster's events give for a Job without pods.
    var said: String?

    var word: Word {
        guard let seen else {
            return .undecided(
                "\(name) is gone: somebody deleted it, or its namespace is being deleted", pod: nil)
        }
        guard seen.metadata.uid == uid else {
            return .undecided("\(name) is not the one that mlctl created: somebody replaced it", pod: nil)
        }
        if let difference = CheckSpecComparison.difference(of: seen.spec, from: job) {
            return .undecided("\(name) is not as mlctl created it: \(difference). Somebody else changed it", pod: nil)
        }
        let own = pods.filter { $0.isControlled(by: uid) }
        guard own.count < 2 else {
            return .undecided(
                "\(name) has \(own.count) pods, but mlctl asked for one: somebody else creates pods under its name",
                pod: nil)
        }
        guard let pod = own.first else { return statusWithoutPod(seen) }
        if let difference = CheckSpecComparison.difference(ofPod: pod.spec, from: job) {
            return .undecided(
                "the pod of \(name) differs from its Job: \(difference). Somebody else created it, or a webhook changes pods: "
                    + "if that is intended, write `check.image` as the webhook does", pod: nil)
        }
        return word(of: pod, seen)
    }

    private var name: String { "Job \(job.key)" }

    private func statusWithoutPod(_ seen: CheckJobObject) -> Word {
        if seen.isBeingDeleted { return .undecided("\(name) is being deleted by somebody else", pod: nil) }
        if seen.failure?.reason == Self.deadline { return late(pod: nil) }
        if seen.isOver {
            return .undecided(
                "somebody deleted the pod of \(name), so the result of the check is lost", pod: nil)
        }
        if seen.isSuspended {
            return .starting(
                Trouble(
                    text: "\(name) is suspended: a queue has not admitted it yet, or somebody suspended it",
                    mayPass: true
                ))
        }
        return .starting(said.map { Trouble(text: "no pod can be created for \(name): \($0)", mayPass: false) })
    }

    private static let deadline = "DeadlineExceeded"

    private func late(pod: String?) -> Word {
        .undecided(
            "it did not end within \(limit.goText) and was stopped: raise `timeout`, or give it less to do", pod: pod)
    }

    // MARK: - The pod

    private func word(of pod: CheckPodObject, _ seen: CheckJobObject) -> Word {
        let name = pod.metadata.name
        if let end = pod.check?.state?.terminated { return word(of: end, pod, seen) }
        if seen.failure?.reason == Self.deadline || pod.status?.reason == Self.deadline { return late(pod: name) }
        if pod.isBeingDeleted || seen.isBeingDeleted {
            return .undecided("its pod \(name) was deleted before the check ended\(because(pod))", pod: name)
        }
        if let end = pod.status?.initContainerStatuses?.first(where: { ($0.state?.terminated?.exitCode ?? 0) != 0 }) {
            return .undecided(
                "the model's files cannot be fetched: \(words(of: end.state?.terminated)). Correct "
                    + "`model.storageUri`, `digest`, or the right to read it", pod: nil)
        }
        if ["Failed", "Succeeded"].contains(pod.status?.phase ?? "") || seen.isOver {
            return .undecided("its pod \(name) ended, and the check's result is not known\(because(pod))", pod: name)
        }
        if pod.check?.state?.running != nil { return .running(pod: name) }
        return .starting(trouble(of: pod))
    }

    private func word(of end: CheckPodObject.Container.End, _ pod: CheckPodObject, _ seen: CheckJobObject) -> Word {
        let name = pod.metadata.name
        let code = end.exitCode ?? -1
        switch end.reason {
        case "OOMKilled":
            return .undecided(
                "it ran out of memory and was killed: raise `resources.limits.memory`, which also limits the check, or give it "
                    + "less to do", pod: name)
        case "StartError", "ContainerCannotRun", "ContainerStatusUnknown":
            return .undecided(
                "it cannot be started in the image \(job.image): \(words(of: end)). Correct `command` or `check.image`",
                pod: nil)
        default: break
        }
        if code != 0 {
            if seen.failure?.reason == Self.deadline || pod.status?.reason == Self.deadline { return late(pod: name) }
            if pod.isBeingDeleted || isDisrupted(pod) {
                return .undecided("its pod \(name) was removed while it ran\(because(pod))", pod: name)
            }
            if Self.signals.contains(code) {
                return .undecided("it was ended by signal \(code - 128)\(because(pod))", pod: name)
            }
        }
        // The container ended after its limit, while no controller could stop it in time. Nodes report whole seconds.
        if let seconds = end.seconds, .seconds(seconds - 2) > limit { return late(pod: name) }
        return .exited(code, pod: name)
    }

    /// The exit codes that container runtimes use for an end by a signal.
    private static let signals = 129...159

    private func isDisrupted(_ pod: CheckPodObject) -> Bool {
        pod.condition("DisruptionTarget")?.status == "True" || pod.status?.reason != nil
    }

    private func because(_ pod: CheckPodObject) -> String {
        let target = pod.condition("DisruptionTarget")
        let why = pod.status?.message ?? pod.status?.reason ?? target?.message ?? target?.reason
        return why.map { ": \(PodObservation.quoted($0))" } ?? ""
    }

    private func words(of end: CheckPodObject.Container.End?) -> String {
        end?.message.map(PodObservation.quoted) ?? "exit code \(end?.exitCode ?? -1)"
    }

    // MARK: - What holds it up

    private func trouble(of pod: CheckPodObject) -> Trouble? {
        let containers = (pod.status?.initContainerStatuses ?? []) + (pod.status?.containerStatuses ?? [])
        for container in containers {
            guard let waiting = container.state?.waiting, let reason = waiting.reason,
                let text = Self.problem(container, reason, waiting.message)
            else { continue }
            return Trouble(text: text, mayPass: false)
        }
        guard let scheduled = pod.condition("PodScheduled"), scheduled.status == "False" else { return nil }
        let message = scheduled.message ?? scheduled.reason ?? "no node accepts it"
        return Trouble(text: "its pod waits for a node: \(PodObservation.quoted(message))", mayPass: true)
    }

    private static func problem(
        _ container: CheckPodObject.Container, _ reason: String, _ said: String?
    ) -> String? {
        let message = said.map { ": \(PodObservation.quoted($0))" } ?? ""
        let isCheck = container.name == CheckJobRendering.container
        switch reason {
        case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "RegistryUnavailable", "ErrImageNeverPull",
            "ImageInspectError":
            return "the image \(container.image ?? "?") cannot be pulled\(message). Correct "
                + (isCheck ? "`check.image` or `runtime.image`" : "it in the controller's settings")
                + ", or give `runtime.imagePullSecrets`"
        case "CreateContainerConfigError":
            return message.contains("runAsNonRoot")
                ? "the check is not allowed to start\(message). Checks run as a user other than root: write such an image "
                    + "under `check.image`, or runAsUser into `runtime.podTemplate`"
                : "the check cannot be configured\(message). Create the Secret that `valueFrom` names, with the key "
                    + "`\(PodRendering.secretKey)`"
        case "CreateContainerError", "RunContainerError":
            return
                "its node cannot start the container \(container.name)\(message). Correct `command`, or check the node"
        default: return nil
        }
    }
}
