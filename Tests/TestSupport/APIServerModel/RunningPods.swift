import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// A minimal scheduler and kubelet for testing controllers.
extension APIServerModel {
    static let gpu = "nvidia.com/gpu"

    mutating func runPods(now: Date) {
        guard let pods = registered(.pods) else { return }
        let all = store.all(pods)
        let uids = Set(all.map(\.uid))
        podSteps = podSteps.filter { uids.contains($0.key) }
        for pod in all {
            if pod.json.value(at: "spec", "nodeName") == nil, !pod.isBeingDeleted {
                schedule(pod, pods, now: now)
            } else if !settings.runsPods {
                continue
            } else if pod.isBeingDeleted {
                end(pod, pods, now: now)
            } else {
                run(pod, pods, now: now)
            }
        }
    }

    private mutating func end(_ pod: StoredObject, _ pods: RegisteredType, now: Date) {
        // The steps of an end are counted below zero, so that the steps of a pod's life do not shorten its end.
        let steps = min(podSteps[pod.uid] ?? 0, 0) - 1
        podSteps[pod.uid] = steps
        if -steps >= settings.stepsUntilGone { remove(pods, pod, propagation: nil, graceSeconds: 0, now: now) }
    }

    private mutating func schedule(_ pod: StoredObject, _ pods: RegisteredType, now: Date) {
        let since = pod.json.value(at: "status", "conditions")?.items ?? []
        let used = store.all(pods).filter { $0.json.value(at: "spec", "nodeName") != nil }.reduce(0) { $0 + $1.gpus }
        if let gpuCount = settings.gpuCount, used + pod.gpus > gpuCount {
            let message = "0/1 nodes are available: 1 Insufficient \(Self.gpu)."
            let condition = Condition("PodScheduled", false, "Unschedulable", message)
            change(pods, pod.key, by: "kube-scheduler", subresource: "status", now: now) {
                $0.set([condition.json(since: since, now: now)], at: "status", "conditions")
            }
            return
        }
        change(pods, pod.key, by: "kube-scheduler", now: now) { $0.set("node-1", at: "spec", "nodeName") }
        change(pods, pod.key, by: "kubelet", subresource: "status", now: now) {
            $0.set([Condition("PodScheduled", true).json(since: since, now: now)], at: "status", "conditions")
        }
    }

    private mutating func run(_ pod: StoredObject, _ pods: RegisteredType, now: Date) {
        let steps = max(podSteps[pod.uid] ?? 0, 0) + 1
        podSteps[pod.uid] = steps
        if runOnce(pod, pods, steps: steps, now: now) { return }
        let since = pod.json.value(at: "status", "conditions")?.items ?? []
        let fate = pod.fate(steps: steps, stepsUntilReady: settings.stepsUntilReady)
        let address = settings.podAddress ?? podAddress(pod)
        change(pods, pod.key, by: "kubelet", subresource: "status", now: now) { json in
            let conditions = [
                Condition("PodScheduled", true), Condition("Initialized", true),
                Condition("ContainersReady", fate == .ready, fate == .ready ? "" : "ContainersNotReady"),
                Condition("Ready", fate == .ready, fate == .ready ? "" : "ContainersNotReady"),
            ]
            json.set(.array(conditions.map { $0.json(since: since, now: now) }), at: "status", "conditions")
            json.set(fate.hasStarted ? "Running" : "Pending", at: "status", "phase")
            json.set("10.1.0.1", at: "status", "hostIP")
            if fate.hasStarted {
                json.set(.string(address), at: "status", "podIP")
                json.set([["ip": .string(address)]], at: "status", "podIPs")
            }
            let started = pod.json.value(at: "status", "startTime") ?? .string(now.rfc3339)
            json.set(started, at: "status", "startTime")
            json.set(.array(pod.containerStatuses(fate, steps: steps, now: now)), at: "status", "containerStatuses")
        }
    }

    /// A pod's own address while it exists.
    private func podAddress(_ pod: StoredObject) -> String {
        let number = Int(pod.uid.suffix(12)) ?? 0
        return "10.244.\(number / 250 % 250).\(number % 250 + 1)"
    }
}

/// What happens to a pod's containers.
enum PodFate: Hashable {
    case starting, pullFails, pullBacksOff, crashes, ready

    var hasStarted: Bool { self == .crashes || self == .ready }
}

extension StoredObject {
    fileprivate var containers: [JSONValue] { json.value(at: "spec", "containers")?.items ?? [] }

    fileprivate var gpus: Int {
        containers.reduce(0) { sum, container in
            let limit = container.value(at: "resources", "limits", APIServerModel.gpu)
            return sum + (limit?.whole ?? limit?.text.flatMap { Int($0) } ?? 0)
        }
    }

    /// Images named `bad/…` or `away/…` cannot be pulled; those named `crash/…` end at once.
    fileprivate func fate(steps: Int, stepsUntilReady: Int) -> PodFate {
        let images = containers.compactMap { $0[field: "image"]?.text }
        if images.contains(where: { $0.hasPrefix("bad/") || $0.hasPrefix("away/") }) {
            return steps == 1 ? .pullFails : .pullBacksOff
        }
        if steps < stepsUntilReady { return .starting }
        return images.contains { $0.hasPrefix("crash/") } ? .crashes : .ready
    }

    /// `bad/…` is not in its registry; `away/…` is in one that does not answer.
    private static func pullFailure(_ image: String) -> String {
        image.hasPrefix("away/")
            ? "failed to resolve reference \"\(image)\": dial tcp 10.0.0.1:443: i/o timeout"
            : "failed to resolve reference \"\(image)\": \(image): not found"
    }

    fileprivate func containerStatuses(_ fate: PodFate, steps: Int, now: Date) -> [JSONValue] {
        let since = json.value(at: "status", "startTime") ?? .string(now.rfc3339)
        return containers.map { container in
            let image = container[field: "image"]?.text ?? ""
            let state: JSONValue =
                switch fate {
                case .starting: ["waiting": ["reason": "ContainerCreating"]]
                case .pullFails:
                    ["waiting": ["reason": "ErrImagePull", "message": .string(Self.pullFailure(image))]]
                case .pullBacksOff:
                    [
                        "waiting": [
                            "reason": "ImagePullBackOff",
                            "message": .string(
                                "Back-off pulling image \"\(image)\": ErrImagePull: \(Self.pullFailure(image))"),
                        ]
                    ]
                case .crashes:
                    ["waiting": ["reason": "CrashLoopBackOff", "message": "back-off restarting failed container"]]
                case .ready: ["running": ["startedAt": since]]
                }
            return [
                "name": container[field: "name"] ?? "", "image": .string(image), "ready": .bool(fate == .ready),
                "started": .bool(fate == .ready), "restartCount": .integer(fate == .crashes ? steps : 0),
                "state": state,
            ]
        }
    }
}
