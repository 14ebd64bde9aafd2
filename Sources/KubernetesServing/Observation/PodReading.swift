import KubernetesClient
import ModelManifests
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
    private let said: String?

    init(_ pod: ServedObject<PodKind>, said: String? = nil) {
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
        return InstanceObservation(
            id: pod.metadata.name, revision: revision, condition: condition,
            restarts: max(server?.restartCount ?? 0, fetching?.restartCount ?? 0),
            reason: reason ?? (isSilent ? said : nil), addresses: addresses)
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
        if let warmingProblem { return warmingProblem }
        if let scheduling { return (.starting, scheduling) }
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
        for container in [fetching, server, companion].compactMap(\.self) {
            guard let waiting = container.state?.waiting, let reason = waiting.reason else { continue }
            let message = waiting.message.map { ": \(Self.quoted($0))" } ?? ""
            switch reason {
            case "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull":
                return (.failed, imageProblem(container, message))
            case "CreateContainerConfigError": return (.failed, configurationProblem(message))
            case "CreateContainerError", "RunContainerError":
                return (.failed, "the container cannot be started\(message). Correct `command`, `args` or the image.")
            case "CrashLoopBackOff" where container.name == CompanionRendering.container: continue
            case "CrashLoopBackOff":
                return (isOtherModel(container) ? .failed : .crashLooping, crash(container))
            default: continue
            }
        }
        return nil
    }

    private func imageProblem(_ container: PodKind.ContainerStatus, _ message: String) -> String {
        "the image \(container.image ?? "?") cannot be pulled\(message). "
            + (container.name == server?.name
                ? "Correct `runtime.image`, or give `runtime.imagePullSecrets`."
                : "It is named in the controller's settings: correct it there, or give `runtime.imagePullSecrets`.")
    }

    /// Exit code 2 of mlctl's own containers: what they were given is wrong, and stays so.
    private static let wrongInput = 2

    private func lastFailure(_ container: PodKind.ContainerStatus?) -> PodKind.ContainerStatus.Terminated? {
        [container?.state?.terminated, container?.lastState?.terminated].compactMap(\.self)
            .first { $0.exitCode != 0 }
    }

    /// The files that were fetched are not those that the digest names.
    private func isOtherModel(_ container: PodKind.ContainerStatus) -> Bool {
        container.name == ModelFilesRendering.verifyingContainer
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
        let address = host.contains(":") ? "[\(host)]" : host
        var result = Dictionary(ports.compactMap { port in port.name.map { ($0, "\(address):\(port.containerPort)") } })
        {
            first, _ in first
        }
        if let serving = ports.first(where: { $0.name == "http" }) ?? ports.first {
            result[""] = "\(address):\(serving.containerPort)"
        }
        return result
    }
}
