import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// A pod's status as a kubelet reports it. Pure: it takes changes and returns a merge patch.
struct PodStatus: Equatable {
    enum ContainerState: Equatable {
        case creating
        case cannotPull
        case running(since: Date)
        /// Waits for its next start.
        case crashed
        /// Ended for good.
        case ended(LastEnd)
    }

    struct LastEnd: Equatable {
        var exitCode: Int32
        /// Its last line of output.
        var message: String
        var at: Date
    }

    var address: String
    var container: ContainerState = .creating
    var isStarted = false
    private(set) var isReady = false
    private(set) var readyChangedAt: Date
    var restartCount = 0
    var lastEnd: LastEnd?
    let startedAt: Date

    init(address: String, now: Date) {
        self.address = address
        readyChangedAt = now
        startedAt = now
    }

    mutating func setReady(_ ready: Bool, now: Date) {
        guard ready != isReady else { return }
        isReady = ready
        readyChangedAt = now
    }

    func patch(_ spec: PodObject.Container) -> JSONValue {
        let conditions: [JSONValue] = [
            condition("PodScheduled", true, since: startedAt), condition("Initialized", true, since: startedAt),
            condition("ContainersReady", isReady, since: readyChangedAt),
            condition("Ready", isReady, since: readyChangedAt),
        ]
        var status: JSONValue = [
            "name": .string(spec.name), "image": .string(spec.image), "imageID": .string(spec.image),
            "ready": .bool(isReady), "started": .bool(isStarted), "restartCount": .integer(restartCount),
            "state": state(spec),
        ]
        if let lastEnd { status[field: "lastState"] = ["terminated": Self.terminated(lastEnd)] }
        return [
            "status": [
                "phase": .string(phase), "podIP": .string(address),
                "podIPs": [["ip": .string(address)]], "startTime": .string(Self.text(startedAt)),
                "conditions": .array(conditions), "containerStatuses": [status],
            ]
        ]
    }

    private var phase: String {
        switch container {
        case .creating, .cannotPull: "Pending"
        case .running, .crashed: "Running"
        case .ended(let end): end.exitCode == 0 ? "Succeeded" : "Failed"
        }
    }

    private func state(_ spec: PodObject.Container) -> JSONValue {
        switch container {
        case .creating: ["waiting": ["reason": "ContainerCreating"]]
        case .cannotPull:
            [
                "waiting": [
                    "reason": "ImagePullBackOff", "message": .string("Back-off pulling image \"\(spec.image)\""),
                ]
            ]
        case .running(let since): ["running": ["startedAt": .string(Self.text(since))]]
        case .crashed:
            ["waiting": ["reason": "CrashLoopBackOff", "message": "back-off restarting failed container"]]
        case .ended(let end): ["terminated": Self.terminated(end)]
        }
    }

    private static func terminated(_ end: LastEnd) -> JSONValue {
        [
            "exitCode": .integer(Int(end.exitCode)), "reason": end.exitCode == 0 ? "Completed" : "Error",
            "message": .string(end.message), "finishedAt": .string(text(end.at)),
        ]
    }

    private func condition(_ type: String, _ isTrue: Bool, since: Date) -> JSONValue {
        [
            "type": .string(type), "status": isTrue ? "True" : "False",
            "lastTransitionTime": .string(Self.text(since)),
        ]
    }

    private static func text(_ date: Date) -> String { date.formatted(.iso8601) }
}
