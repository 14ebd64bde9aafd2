import KubernetesClient

/// What a part of the cluster says of a pod, in an Event.
struct PodEvent: KubernetesObject, Hashable {
    static let resource = ResourceType.events
    /// Kubernetes folds repetitions into one: a pod has no more than a few.
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

    /// The newest, in words.
    static func text(_ events: [PodEvent]) -> String? {
        events.max { $0.time < $1.time }.map(\.text)
    }

    /// RFC 3339 in UTC, to the second: later ones compare greater.
    private var time: Substring {
        (series?.lastObservedTime ?? deprecatedLastTimestamp ?? eventTime ?? "").prefix("2026-01-01T00:00:00".count)
    }

    private var text: String {
        let said = PodReading.quoted(note ?? "no reason given")
        return switch reason {
        case "FailedMount", "FailedAttachVolume", "FailedMapVolume":
            "a volume cannot be mounted: \(said). Create the Secret, ConfigMap or claim that it names, or correct "
                + "`model.storageUri` or `runtime.podTemplate`."
        case "FailedScheduling": PodReading.pending(said)
        case "Unhealthy":
            "it runs, and does not answer yet: \(said). See its log; where it only loads for long, give "
                + "`runtime.probes` more time."
        case "FailedCreatePodSandBox", "NetworkNotReady":
            "its node cannot start it: \(said). See the node's network and its kubelet's log."
        default: "\(reason ?? "a warning"): \(said)."
        }
    }
}
