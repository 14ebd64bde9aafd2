import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// The fields of a check's Job that mlctl reads.
struct CheckJobObject: KubernetesObject {
    static let resource = ResourceType.jobs

    struct Status: Decodable, Sendable {
        var conditions: [ObjectCondition]?
    }

    var metadata: ObjectMetadata
    var spec: JSONValue?
    var status: Status?

    private func condition(_ type: String) -> ObjectCondition? {
        status?.conditions?.first { $0.type == type && $0.status == "True" }
    }

    var failure: ObjectCondition? { condition("Failed") ?? condition("FailureTarget") }
    var isOver: Bool { failure != nil || condition("Complete") != nil }
    var isSuspended: Bool { spec?["suspend"] == true }
    var isBeingDeleted: Bool { metadata.deletionTimestamp != nil }
    var isCheck: Bool {
        metadata.labels[ObjectLabels.managedBy] == ObjectLabels.manager
            && metadata.labels[ObjectLabels.component] == ObjectLabels.Component.check.rawValue
    }
}

/// The fields of the Job's pods that mlctl reads.
struct CheckPodObject: KubernetesObject {
    static let resource = ResourceType.pods

    struct Status: Decodable, Sendable {
        var phase: String?
        var reason: String?
        var message: String?
        var conditions: [ObjectCondition]?
        var initContainerStatuses: [Container]?
        var containerStatuses: [Container]?
    }

    struct Container: Decodable, Sendable {
        struct State: Decodable, Sendable {
            var waiting: PodKind.ContainerStatus.Waiting?
            var running: PodKind.ContainerStatus.Running?
            var terminated: End?
        }
        struct End: Decodable, Sendable {
            var exitCode: Int?
            var reason: String?
            var message: String?
            /// RFC 3339, by the node's clock.
            var startedAt: String?
            var finishedAt: String?

            /// Nil if the node does not report both times.
            var seconds: TimeInterval? {
                guard let startedAt, let finishedAt, let start = try? Date(startedAt, strategy: .iso8601),
                    let end = try? Date(finishedAt, strategy: .iso8601)
                else { return nil }
                return end.timeIntervalSince(start)
            }
        }

        var name: String
        var image: String?
        var state: State?
    }

    var metadata: ObjectMetadata
    var spec: JSONValue?
    var status: Status?

    var check: Container? { status?.containerStatuses?.first { $0.name == CheckJobRendering.container } }
    var isBeingDeleted: Bool { metadata.deletionTimestamp != nil }
    func condition(_ type: String) -> ObjectCondition? { status?.conditions?.first { $0.type == type } }

    /// Whether the Job with this UID controls the pod, by the pod's own owner references.
    func isControlled(by uid: String) -> Bool {
        metadata.ownerReferences.contains { $0.uid == uid && $0.controller == true }
    }
}

/// Compares a check's Job and pod with what mlctl created.
///
/// # Guarantees
/// - Everything that decides a check must be as rendered: image, command, working folder, variables, files and what fetches them.
/// - Additions by a cluster's own webhooks (sidecars, further variables, tolerations) do not count as a difference.
enum CheckSpecComparison {
    /// - Returns: what differs; nil if nothing does.
    static func difference(of spec: JSONValue?, from job: CheckJob) -> String? {
        for field in ["backoffLimit", "completions", "parallelism", "activeDeadlineSeconds"]
        where spec?[field] != job.spec[field] {
            return "its \(field) differs"
        }
        return difference(ofPod: spec?["template"]?["spec"], from: job)
    }

    static func difference(ofPod spec: JSONValue?, from job: CheckJob) -> String? {
        let wanted = job.podSpec
        for list in ["initContainers", "containers"] {
            for container in wanted[list]?.items ?? [] {
                let name = container["name"]?.text ?? ""
                guard let seen = named(name, in: spec?[list]) else { return "its container \(name) is missing" }
                if let field = difference(ofContainer: seen, from: container) {
                    return "the \(field) of its container \(name) differs"
                }
            }
        }
        for volume in wanted["volumes"]?.items ?? [] {
            let name = volume["name"]?.text ?? ""
            guard let seen = named(name, in: spec?["volumes"]), seen.isLike(volume) else {
                return "its volume \(name) differs"
            }
        }
        return nil
    }

    private static func difference(ofContainer seen: JSONValue, from wanted: JSONValue) -> String? {
        for field in ["image", "command", "args", "workingDir"] where seen[field] != wanted[field] {
            return field == "image"
                ? "image (\(seen[field]?.text ?? "none"), not \(wanted[field]?.text ?? "none"))" : field
        }
        let mounts = seen["volumeMounts"]?.items ?? []
        for mount in wanted["volumeMounts"]?.items ?? [] where !mounts.contains(where: { $0.isLike(mount) }) {
            return "volumeMounts"
        }
        // The last variable with a name counts.
        let variables = Dictionary((seen["env"]?.items ?? []).map { ($0["name"]?.text ?? "", $0) }) { $1 }
        for variable in wanted["env"]?.items ?? [] {
            let name = variable["name"]?.text ?? ""
            // The endpoint opens and closes during a rollout, so its variable does not count.
            guard name != endpoint, variables[name]?.isLike(variable) != true else { continue }
            return "variable \(name)"
        }
        return nil
    }

    private static let endpoint = "MLCTL_ENDPOINT"

    private static func named(_ name: String, in list: JSONValue?) -> JSONValue? {
        list?.items.first { $0["name"]?.text == name }
    }
}

extension JSONValue {
    /// Whether the value has all that `wanted` has; the API server fills in the rest.
    fileprivate func isLike(_ wanted: JSONValue) -> Bool {
        guard case .object(let fields) = wanted else { return self == wanted }
        // The API server omits empty texts.
        return fields.allSatisfy { name, value in self[name]?.isLike(value) ?? (value == "") }
    }
}
