import KubernetesClient
import ModelManifests
import SafeText
import Serving

/// One pod as an instance: its condition, and a reason that says what to do. Pure.
struct PodReading: Hashable, Sendable {
    /// Of a container's last words.
    private static let quotedCharacters = 300

    let pod: ServedObject<PodKind>
    private let status: PodKind.Detail.Status?
    private let server: PodKind.ContainerStatus?
    private let companion: PodKind.ContainerStatus?
    private let fetching: PodKind.ContainerStatus?
    /// What an event said, where the status says nothing.
    private let said: PodWord?

    init(_ pod: ServedObject<PodKind>, said: PodWord? = nil) {
        self.pod = pod
        self.said = said
        status = pod.detail.status
        let containers = status?.containerStatuses ?? []
        server = containers.first { $0.name == PodRendering.container } ?? containers.first
        companion = containers.first { $0.name == CompanionRendering.container }
        // The one that is under way, or failed: those before it have ended well.
        fetching = status?.initContainerStatuses?.first { ($0.state?.terminated?.exitCode ?? 1) != 0 }
    }

    var revision: Revision? { pod.metadata.labels[ObjectLabels.revision].map { Revision(rawValue: $0) } }

    /// Nil for what is no instance: it has ended, or is of no revision.
    var instance: InstanceObservation? {
        // A pod that has ended is replaced by its Deployment.
        guard let revision, !["Succeeded", "Failed"].contains(status?.phase ?? "") else { return nil }
        let (condition, reason) = judged
        let heard = isSilent ? said : nil
        return InstanceObservation(
            id: pod.metadata.name, revision: revision, condition: heard?.isClusters == true ? .blocked : condition,
            restarts: max(server?.restartCount ?? 0, fetching?.restartCount ?? 0),
            reason: reason ?? heard?.text, addresses: addresses)
    }

    /// It has yet to serve, and its status does not say what holds it up.
    var isSilent: Bool {
        let (condition, reason) = judged
        return [.starting, .fetching].contains(condition) && reason == nil && fetching?.state?.running == nil
    }

    /// Why it does not serve, whatever it is of; nil where it does, or does not say.
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
            return (.starting, "its warm-up requests are being played.")
        }
        return wasReady
            ? (.unready, "its readiness probe fails now: it gets no traffic. See its log.") : (.starting, lastEnd)
    }

    var isReady: Bool { condition("Ready")?.status == "True" && pod.metadata.deletionTimestamp == nil }

    /// It answers users: also while it is on its way out, as long as its readiness probe passes.
    var answers: Bool { condition("Ready")?.status == "True" }

    /// Why the cluster takes it away, or took it: a node that is drained, full or gone, not the model.
    var disruption: String? {
        // One that uses more than its own limits is evicted too.
        let words = [status?.message, condition("DisruptionTarget")?.message].compactMap(\.self).joined(separator: " ")
        guard !words.contains("exceeds the"), !words.contains("exceeded its") else { return nil }
        if let target = condition("DisruptionTarget"), target.status == "True" {
            return target.message ?? target.reason ?? "its node is taken away"
        }
        guard status?.phase == "Failed", let reason = status?.reason,
            Self.takenAway.contains(reason) || reason.hasPrefix("OutOf")
        else { return nil }
        return status?.message.map { "\(reason): \(Self.quoted($0))" } ?? reason
    }

    /// Reasons of pods that ended by no fault of theirs.
    private static let takenAway: Set<String> = [
        "Evicted", "NodeShutdown", "Terminated", "NodeLost", "NodeAffinity", "Preempting", "Shutdown",
        "UnexpectedAdmissionError",
    ]

    /// All its containers are ready, and the pod is not: whoever says so is not its kubelet. The node controller does for a
    /// node that does not answer; a readiness gate waits for a part of the cluster.
    private var isUnheard: Bool {
        let containers = status?.containerStatuses ?? []
        return condition("Ready")?.status == "False" && !containers.isEmpty
            && containers.allSatisfy { $0.ready == true && $0.state?.running != nil }
    }

    private var unheard: String {
        if condition("Ready")?.reason == "ReadinessGatesNotReady" {
            return "its server is ready, and one of the pod's readiness gates is not: "
                + "\(condition("Ready")?.message ?? "see 'kubectl describe pod'"). See what sets that condition."
        }
        return
            "its node does not answer: the pod gets no traffic until it does, and is replaced after a while. See the node."
    }

    private func condition(_ type: String) -> ObjectCondition? { status?.conditions?.first { $0.type == type } }

    /// A server that has just started turned unready before it started.
    private var wasReady: Bool {
        guard let turned = condition("Ready")?.lastTransitionTime, let started = server?.state?.running?.startedAt
        else { return false }
        return turned > started && server?.started == true
    }

    // MARK: - Why not

    private var scheduling: String? {
        guard let scheduled = condition("PodScheduled"), scheduled.status == "False" else { return nil }
        return Self.pending(scheduled.message ?? scheduled.reason ?? "no node takes it")
    }

    /// - Parameter message: the scheduler's.
    static func pending(_ message: String) -> String {
        if message.contains("nvidia.com/gpu") || message.contains("amd.com/gpu") || message.contains("gpu") {
            return
                "pending for want of GPUs: \(message). Free some, add a node, or use `rollout.capacity: drainThenLoad`."
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
            // What is not the model's server comes from the settings, or from somebody else: no revision answers for it.
            if let (isBlamed, text) = startProblem(container, reason, waiting.message) {
                return (isBlamed && container.name == server?.name ? .failed : .blocked, text)
            }
        }
        return nil
    }

    /// - Returns: nil for what is no problem: it waits for its turn.
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
                    "its node cannot start the container \(container.name)\(message). It is tried again; see the node."
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
                : "It is tried again. See whether the nodes reach its registry; where that asks who they are, give "
                    + "`runtime.imagePullSecrets`.")
    }

    /// A server that ends again and again is the model's fault; so are files that are not those of the digest. A download
    /// that fails, or a container that somebody put beside the server, is not.
    private func crashing(_ container: PodKind.ContainerStatus) -> (InstanceObservation.Condition, String) {
        if isOtherModel(container) { return (.failed, crash(container)) }
        if container.name == server?.name { return (.crashLooping, crash(container)) }
        if container.name == fetching?.name { return (.blocked, crash(container)) }
        return (
            .blocked,
            "the container \(container.name) beside the model's server ends again and again: \(end(container))"
        )
    }

    /// Exit code 2 of mlctl's own containers: what they were given is wrong, and stays so.
    private static let wrongInput = 2

    private func lastFailure(_ container: PodKind.ContainerStatus?) -> PodKind.ContainerStatus.Terminated? {
        [container?.state?.terminated, container?.lastState?.terminated].compactMap(\.self)
            .first { $0.exitCode != 0 }
    }

    /// The files that were fetched are not those that the digest names.
    private func isOtherModel(_ container: PodKind.ContainerStatus) -> Bool {
        [ModelFilesRendering.verifyingContainer, ModelFilesRendering.fetchingContainer].contains(container.name)
            && lastFailure(container)?.exitCode == Self.wrongInput
    }

    /// The companion ended: the server did not answer the warm-up requests, or there are none. As on one machine, the
    /// instance goes on starting; without requests it never will.
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
        return (isFetching ? "its model's files cannot be fetched: " : "it ends again and again: ") + end(container)
            + (isFetching ? " Correct `model.storageUri`, `digest`, or the right to read it." : "")
    }

    /// Of the run before this one.
    private var lastEnd: String? { server.flatMap { $0.lastState?.terminated == nil ? nil : end($0) } }

    private func end(_ container: PodKind.ContainerStatus) -> String {
        guard let last = container.lastState?.terminated ?? container.state?.terminated else { return "see its log." }
        if last.reason == "OOMKilled" {
            return "it was killed for want of memory. Raise `resources.limits.memory`."
        }
        let words = last.message.map { ": \(Self.quoted($0))" } ?? ""
        return "exit code \(last.exitCode ?? -1)\(words). See its log."
    }

    /// The last line says why.
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
