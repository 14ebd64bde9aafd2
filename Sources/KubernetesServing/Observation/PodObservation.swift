import KubernetesClient
import ModelManifests
import SafeText
import Serving

/// A pod as an instance: its condition, and a reason that says what to do. Pure.
struct PodObservation: Hashable, Sendable {
    /// The most characters of a message that are quoted.
    private static let quotedCharacters = 300

    let pod: ManagedObject<PodKind>
    private let status: PodKind.Detail.Status?
    private let server: PodKind.ContainerStatus?
    private let companion: PodKind.ContainerStatus?
    private let fetching: PodKind.ContainerStatus?
    /// What an event says, for a pod whose status gives no reason.
    private let said: PodExplanation?

    init(_ pod: ManagedObject<PodKind>, said: PodExplanation? = nil) {
        self.pod = pod
        self.said = said
        status = pod.detail.status
        let containers = status?.containerStatuses ?? []
        server = containers.first { $0.name == PodRendering.container } ?? containers.first
        companion = containers.first { $0.name == CompanionRendering.container }
        // The init container that runs or failed: those before it succeeded.
        fetching = status?.initContainerStatuses?.first { ($0.state?.terminated?.exitCode ?? 1) != 0 }
    }

    var revision: Revision? { pod.metadata.labels[ObjectLabels.revision].map { Revision(rawValue: $0) } }

    /// Nil if the pod is not an instance: it has ended, or has no revision.
    var instance: InstanceObservation? {
        // The Deployment replaces a pod that has ended.
        guard let revision, !["Succeeded", "Failed"].contains(status?.phase ?? "") else { return nil }
        let (condition, reason) = judged
        let heard = isSilent ? said : nil
        return InstanceObservation(
            id: pod.metadata.name, revision: revision, condition: heard?.isClusters == true ? .blocked : condition,
            restarts: max(server?.restartCount ?? 0, fetching?.restartCount ?? 0),
            reason: reason ?? heard?.text, addresses: addresses)
    }

    /// Whether the pod does not serve yet and its status gives no reason.
    var isSilent: Bool {
        let (condition, reason) = judged
        return [.starting, .fetching].contains(condition) && reason == nil && fetching?.state?.running == nil
    }

    /// Why the pod does not serve, also if it has no revision; nil if it serves or gives no reason.
    var trouble: String? { isReady ? nil : judged.1 }

    private var judged: (InstanceObservation.Condition, String?) {
        if pod.metadata.deletionTimestamp != nil { return (.draining, nil) }
        if let problem = waitingProblem { return problem }
        if isReady { return (.ready, nil) }
        if isUnheard { return (.blocked, unheard) }
        if let warmingProblem { return warmingProblem }
        if let scheduling { return (.blocked, scheduling) }
        if let fetching, fetching.state?.running != nil || (fetching.restartCount ?? 0) == 0 {
            return (.fetching, nil)
        }
        guard server?.state?.running != nil else { return (.starting, lastEnd) }
        if server?.ready == true, companion?.ready == false {
            return (.starting, "its warm-up requests are being sent.")
        }
        return wasReady
            ? (.unready, "its readiness probe fails: it gets no traffic. Look at its log.") : (.starting, lastEnd)
    }

    var isReady: Bool { condition("Ready")?.status == "True" && pod.metadata.deletionTimestamp == nil }

    /// Whether it answers users. A pod that is ending does so as long as its readiness probe passes.
    var answers: Bool { condition("Ready")?.status == "True" }

    /// Why the cluster removes or removed the pod, for a reason that is not the model's: its node is drained, full or gone.
    var disruption: String? {
        // A pod that exceeds its own limits is evicted too; that is not a disruption.
        let words = [status?.message, condition("DisruptionTarget")?.message].compactMap(\.self).joined(separator: " ")
        guard !words.contains("exceeds the"), !words.contains("exceeded its") else { return nil }
        if let target = condition("DisruptionTarget"), target.status == "True" {
            return target.message ?? target.reason ?? "its node is being removed"
        }
        guard status?.phase == "Failed", let reason = status?.reason,
            Self.takenAway.contains(reason) || reason.hasPrefix("OutOf")
        else { return nil }
        return status?.message.map { "\(reason): \(Self.quoted($0))" } ?? reason
    }

    /// Reasons of pods that ended through no fault of their own.
    private static let takenAway: Set<String> = [
        "Evicted", "NodeShutdown", "Terminated", "NodeLost", "NodeAffinity", "Preempting", "Shutdown",
        "UnexpectedAdmissionError",
    ]

    /// All containers are ready and the pod is not, so it is not the kubelet that reports it. The node controller does for a node
    /// that does not answer; a readiness gate waits for another part of the cluster.
    private var isUnheard: Bool {
        let containers = status?.containerStatuses ?? []
        return condition("Ready")?.status == "False" && !containers.isEmpty
            && containers.allSatisfy { $0.ready == true && $0.state?.running != nil }
    }

    private var unheard: String {
        if condition("Ready")?.reason == "ReadinessGatesNotReady" {
            return "its server is ready, but one of the pod's readiness gates is not: "
                + "\(condition("Ready")?.message ?? "see 'kubectl describe pod'"). Check the controller that sets that condition."
        }
        return
            "its node does not answer: the pod gets no traffic until it does, and is replaced after a while. Check the node."
    }

    private func condition(_ type: String) -> ObjectCondition? { status?.conditions?.first { $0.type == type } }

    /// False for a server that has just started: it turned unready before it started.
    private var wasReady: Bool {
        guard let turned = condition("Ready")?.lastTransitionTime, let started = server?.state?.running?.startedAt
        else { return false }
        return turned > started && server?.started == true
    }

    // MARK: - Why it does not serve

    private var scheduling: String? {
        guard let scheduled = condition("PodScheduled"), scheduled.status == "False" else { return nil }
        return Self.pending(scheduled.message ?? scheduled.reason ?? "no node accepts it")
    }

    /// - Parameter message: the scheduler's message.
    static func pending(_ message: String) -> String {
        if message.contains("nvidia.com/gpu") || message.contains("amd.com/gpu") || message.contains("gpu") {
            return
                "pending for lack of GPUs: \(message). Free some, add a node, or use `rollout.capacity: drainThenLoad`."
        }
        if message.contains("persistentvolumeclaim") {
            return "pending: \(message). Create the claim, or correct `model.storageUri`."
        }
        return "pending: \(message). Add nodes, or ask for less in `resources`."
    }

    private var waitingProblem: (InstanceObservation.Condition, String)? {
        let own = [fetching, server, companion].compactMap(\.self)
        let others = (status?.containerStatuses ?? []).filter { other in !own.contains { $0.name == other.name } }
        for container in own + others {
            guard let waiting = container.state?.waiting, let reason = waiting.reason else { continue }
            if reason == "CrashLoopBackOff" {
                if container.name == CompanionRendering.container { continue }
                return crashing(container)
            }
            // Other containers come from the settings or from other people: their problems are not held against the revision.
            if let (isBlamed, text) = startProblem(container, reason, waiting.message) {
                return (isBlamed && container.name == server?.name ? .failed : .blocked, text)
            }
        }
        return nil
    }

    /// - Returns: nil if it is not a problem: the container only waits for its turn.
    private func startProblem(
        _ container: PodKind.ContainerStatus, _ reason: String, _ said: String?
    ) -> (isBlamed: Bool, text: String)? {
        let message = said.map { ": \(Self.quoted($0))" } ?? ""
        switch reason {
        case "ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ErrImageNeverPull", "ImageInspectError":
            let isMissing = StartFailure.isMissingImage(said)
            return (isMissing, imageProblem(container, message, isMissing: isMissing))
        case "InvalidImageName": return (true, imageProblem(container, message, isMissing: true))
        case "CreateContainerConfigError":
            return (StartFailure.isRefusedUser(said), configurationProblem(message))
        case "CreateContainerError", "RunContainerError":
            guard StartFailure.isMissingCommand(said) else {
                return (
                    false,
                    "its node cannot start the container \(container.name)\(message). It is tried again; check the node."
                )
            }
            return (true, "the container cannot be started\(message). Correct `command`, `args` or the image.")
        default: return nil
        }
    }

    private func imageProblem(_ container: PodKind.ContainerStatus, _ message: String, isMissing: Bool) -> String {
        let what = "the image \(container.image ?? "?") cannot be pulled\(message). "
        guard container.name == server?.name else {
            return what
                + "It is not the model's: correct it in the controller's settings, or give `runtime.imagePullSecrets`."
        }
        return what
            + (isMissing
                ? "Correct `runtime.image`, or give `runtime.imagePullSecrets`."
                : "It is tried again. Check that the nodes reach its registry; if the registry needs a login, set "
                    + "`runtime.imagePullSecrets`.")
    }

    /// A server that keeps ending is the model's fault; so are files that do not match the digest. A failed download, or another
    /// container in the pod, is not.
    private func crashing(_ container: PodKind.ContainerStatus) -> (InstanceObservation.Condition, String) {
        if isOtherModel(container) { return (.failed, crash(container)) }
        if container.name == server?.name { return (.crashLooping, crash(container)) }
        if container.name == fetching?.name { return (.blocked, crash(container)) }
        return (
            .blocked,
            "the container \(container.name) beside the model's server keeps ending: \(end(container))"
        )
    }

    /// The exit code of mlctl's own containers for wrong input, which will not change.
    private static let wrongInput = 2

    private func lastFailure(_ container: PodKind.ContainerStatus?) -> PodKind.ContainerStatus.Terminated? {
        [container?.state?.terminated, container?.lastState?.terminated].compactMap(\.self)
            .first { $0.exitCode != 0 }
    }

    /// Whether the fetched files do not match the digest.
    private func isOtherModel(_ container: PodKind.ContainerStatus) -> Bool {
        [ModelFilesRendering.verifyingContainer, ModelFilesRendering.fetchingContainer].contains(container.name)
            && lastFailure(container)?.exitCode == Self.wrongInput
    }

    /// The companion ended: the server did not answer the warm-up requests, or there are none. As on one machine, the instance
    /// keeps starting; without requests it can never finish.
    private var warmingProblem: (InstanceObservation.Condition, String)? {
        guard companion?.ready != true, let end = lastFailure(companion) else { return nil }
        let words = end.message.map(Self.quoted) ?? "exit code \(end.exitCode ?? -1)"
        let reason = words.hasPrefix("mlctl: ") ? words.dropFirst("mlctl: ".count) : words[...]
        return (end.exitCode == Self.wrongInput ? .failed : .starting, "its warm-up fails: \(reason)")
    }

    private func configurationProblem(_ message: String) -> String {
        if message.contains("runAsNonRoot") {
            return "the container is not allowed to start\(message). Use an image whose user is not root, or set "
                + "`runtime.podSecurity: baseline`."
        }
        return "the container cannot be configured\(message). Create the Secret that `valueFrom` names, with the key "
            + "`\(PodRendering.secretKey)`."
    }

    private func crash(_ container: PodKind.ContainerStatus) -> String {
        let isFetching = container.name != server?.name
        return (isFetching ? "its model's files cannot be fetched: " : "it keeps ending: ") + end(container)
            + (isFetching ? " Correct `model.storageUri`, `digest`, or the right to read it." : "")
    }

    /// How the previous run ended.
    private var lastEnd: String? { server.flatMap { $0.lastState?.terminated == nil ? nil : end($0) } }

    private func end(_ container: PodKind.ContainerStatus) -> String {
        guard let last = container.lastState?.terminated ?? container.state?.terminated else { return "see its log." }
        if last.reason == "OOMKilled" {
            return "it was killed because it ran out of memory. Raise `resources.limits.memory`."
        }
        let words = last.message.map { ": \(Self.quoted($0))" } ?? ""
        return "exit code \(last.exitCode ?? -1)\(words). Look at its log."
    }

    /// The last line gives the cause.
    static func quoted(_ text: String) -> String {
        let line = text.split(whereSeparator: \.isNewline).last.map { String($0) } ?? text
        return String(line.suffix(quotedCharacters))
    }

    // MARK: - Where

    private var addresses: [String: String] {
        guard let host = status?.podIP, !host.isEmpty else { return [:] }
        let container = pod.detail.spec?.containers?.first { $0.name == PodRendering.container }
        let ports = container?.ports ?? []
        var result = Dictionary(
            ports.compactMap { port in port.name.map { ($0, Escape.authority(host, port.containerPort)) } }
        ) { first, _ in first }
        if let serving = ports.first(where: { $0.name == "http" }) ?? ports.first {
            result[""] = Escape.authority(host, serving.containerPort)
        }
        return result
    }
}
