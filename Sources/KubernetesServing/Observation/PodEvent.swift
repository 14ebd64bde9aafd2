import KubernetesClient

/// What an event says about a pod.
struct PodExplanation: Hashable, Sendable {
    var text: String
    /// Whether the cluster, not the model, delays the pod.
    var isClusters: Bool
}

/// An Event about a pod.
struct PodEvent: KubernetesObject, Hashable {
    static let resource = ResourceType.events
    /// Kubernetes folds repeated events into one, so a pod has only a few.
    static let limit = 50

    struct Series: Decodable, Hashable, Sendable {
        var lastObservedTime: String?
    }

    var metadata: ObjectMetadata
    var reason: String?
    var note: String?
    var eventTime: String?
    var deprecatedLastTimestamp: String?
    var series: Series?

    static func request(aboutPod uid: String, namespace: String?) -> APIRequest {
        .list(
            .events, APIRequest.Selection(namespace: namespace, fieldSelector: "regarding.uid=\(uid),type=Warning"),
            limit: limit)
    }

    /// The text of the newest event.
    static func word(_ events: [PodEvent]) -> PodExplanation? {
        events.max { $0.time < $1.time }.map(\.word)
    }

    /// RFC 3339 in UTC, to the second: later times compare greater.
    private var time: Substring {
        (series?.lastObservedTime ?? deprecatedLastTimestamp ?? eventTime ?? "").prefix("2026-01-01T00:00:00".count)
    }

    private var word: PodExplanation {
        let said = PodObservation.quoted(note ?? "no reason given")
        return switch reason {
        case "FailedMount", "FailedAttachVolume", "FailedMapVolume":
            PodExplanation(
                text: "a volume cannot be mounted: \(said). Create the Secret, ConfigMap or claim that it names, or "
                    + "correct `model.storageUri` or `runtime.podTemplate`.", isClusters: true)
        case "FailedScheduling": PodExplanation(text: PodObservation.pending(said), isClusters: true)
        case "Unhealthy":
            PodExplanation(
                text: "it runs, but does not answer yet: \(said). Look at its log; if it only needs long to load, give "
                    + "`runtime.probes` more time.", isClusters: false)
        case "FailedCreatePodSandBox", "FailedPodSandBoxStatus", "NetworkNotReady", "NodeNotReady":
            PodExplanation(
                text: "its node cannot start it: \(said). Look at the node's network and at its kubelet's log.",
                isClusters: true)
        case "Evicted", "Preempted", "NodeShutdown":
            PodExplanation(text: "\(reason ?? ""): \(said).", isClusters: true)
        default: PodExplanation(text: "\(reason ?? "a warning"): \(said).", isClusters: false)
        }
    }
}
