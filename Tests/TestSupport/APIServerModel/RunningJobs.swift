import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// How the pod of a Job ends, by its image.
package struct ScriptedEnd: Sendable {
    package var exitCode: Int
    /// Its whole output.
    package var log: String
    /// Steps of `runControllers` that its container runs; nil: until somebody ends it.
    package var steps: Int?
    /// The kubelet's reason for the exit; nil: `Completed` or `Error`.
    package var reason: String?

    package init(exitCode: Int = 0, log: String = "", steps: Int? = 1, reason: String? = nil) {
        self.exitCode = exitCode
        self.log = log
        self.steps = steps
        self.reason = reason
    }
}

/// The Job controller, for Jobs with one pod that is never retried.
extension APIServerModel {
    mutating func runJobs(now: Date) {
        guard let jobs = registered(.jobs), let pods = registered(.pods) else { return }
        for job in store.all(jobs) where !job.isBeingDeleted && !job.isFinished {
            let own = self.pods(of: job)
            if job.json.value(at: "spec", "suspend") == true { continue }
            if job.json.value(at: "status", "startTime") == nil {
                changeStatus(of: job, now: now) { $0.set(.string(now.rfc3339), at: "status", "startTime") }
            }
            if job.isOverdue(now) {
                for pod in own { remove(pods, pod, propagation: "Background", now: now) }
                finish(job, "Failed", "DeadlineExceeded", now: now)
            } else if let ended = own.first(where: { ["Succeeded", "Failed"].contains($0.phase) }) {
                let isSuccess = ended.phase == "Succeeded"
                finish(job, isSuccess ? "Complete" : "Failed", isSuccess ? "" : "BackoffLimitExceeded", now: now)
            } else if own.isEmpty {
                if madePods.contains(job.uid) {
                    finish(job, "Failed", "BackoffLimitExceeded", now: now)
                } else {
                    makePod(of: job, pods, now: now)
                }
            }
        }
    }

    private mutating func makePod(of job: StoredObject, _ pods: RegisteredType, now: Date) {
        let template = job.json.value(at: "spec", "template") ?? .object([:])
        lastUID += 1
        let key = NamespacedName(namespace: job.key.namespace, name: "\(job.key.name)-\(String(lastUID, radix: 36))")
        var pod: JSONValue = [
            "apiVersion": "v1", "kind": "Pod", "metadata": template[field: "metadata"] ?? .object([:]),
            "spec": template[field: "spec"] ?? .object([:]),
        ]
        pod.set(.string(key.name), at: "metadata", "name")
        pod.set([job.reference(isController: true)], at: "metadata", "ownerReferences")
        let write = PendingWrite(
            type: pods, key: key, subresource: nil,
            manager: FieldManager.Identity(
                name: "kube-controller-manager", operation: .update, apiVersion: "v1", subresource: nil),
            now: now, live: nil)
        do {
            _ = try commit(write, pod)
            madePods.insert(job.uid)
        } catch {
            tell(of: job, (error as? Refusal)?.message ?? "\(error)", now: now)
        }
    }

    /// A refused pod is reported only in an event.
    private mutating func tell(of job: StoredObject, _ why: String, now: Date) {
        guard let events = registered(.events) else { return }
        let key = NamespacedName(namespace: job.key.namespace, name: "\(job.key.name).failed")
        guard store.object(events, key) == nil else { return }
        let event: JSONValue = [
            "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": ["name": .string(key.name)],
            "reason": "FailedCreate", "type": "Warning", "action": "Create",
            "reportingController": "job-controller", "reportingInstance": "job-controller-1",
            "note": .string("Error creating: \(why)"), "eventTime": .string(now.rfc3339),
            "regarding": [
                "kind": "Job", "name": .string(job.key.name), "namespace": .string(job.key.namespace ?? ""),
                "uid": .string(job.uid),
            ],
        ]
        let write = PendingWrite(
            type: events, key: key, subresource: nil,
            manager: FieldManager.Identity(
                name: "kube-controller-manager", operation: .update, apiVersion: "events.k8s.io/v1", subresource: nil),
            now: now, live: nil)
        _ = try? commit(write, event)  // If it fails, the next step writes it again.
    }

    private mutating func finish(_ job: StoredObject, _ type: String, _ reason: String, now: Date) {
        changeStatus(of: job, now: now) { json in
            let condition = Condition(type, true, reason)
            json.set([condition.json(since: [], now: now)], at: "status", "conditions")
        }
    }

    private mutating func changeStatus(of job: StoredObject, now: Date, _ body: (inout JSONValue) -> Void) {
        guard let jobs = registered(.jobs) else { return }
        change(jobs, job.key, by: "kube-controller-manager", subresource: "status", now: now, body)
    }

    // MARK: - Pods of Jobs

    /// - Returns: whether it is a pod that ends by itself.
    mutating func runOnce(_ pod: StoredObject, _ pods: RegisteredType, steps: Int, now: Date) -> Bool {
        guard pod.json.value(at: "spec", "restartPolicy") == "Never", !["Succeeded", "Failed"].contains(pod.phase),
            let container = pod.json.value(at: "spec", "containers")?.items.first,
            let script = settings.ends[container[field: "image"]?.text ?? ""]
        else { return ["Succeeded", "Failed"].contains(pod.phase) }
        let start = pod.json.value(at: "status", "startTime") ?? .string(now.rfc3339)
        let isOver = script.steps.map { steps > $0 } ?? false
        podLogs[pod.uid] = script.log
        var state: JSONValue = ["running": ["startedAt": start]]
        if isOver {
            state = [
                "terminated": [
                    "exitCode": .integer(script.exitCode), "startedAt": start, "finishedAt": .string(now.rfc3339),
                    "reason": .string(script.reason ?? (script.exitCode == 0 ? "Completed" : "Error")),
                ]
            ]
        }
        let status: JSONValue = [
            "name": container[field: "name"] ?? "", "image": container[field: "image"] ?? "", "restartCount": 0,
            "ready": .bool(!isOver), "started": .bool(!isOver), "state": state,
        ]
        change(pods, pod.key, by: "kubelet", subresource: "status", now: now) { json in
            json.set(start, at: "status", "startTime")
            json.set([status], at: "status", "containerStatuses")
            let phase = isOver ? script.exitCode == 0 ? "Succeeded" : "Failed" : "Running"
            json.set(.string(phase), at: "status", "phase")
        }
        return true
    }

    /// The `log` of a pod: its script's output, or its termination message; nil if the path is not a log's.
    func log(_ request: APIRequest, _ asked: ResourceRequest) throws -> APIResponse? {
        guard asked.subresource == "log", asked.type.resource == .pods else { return nil }
        guard let pod = store.object(asked.type, asked.key) else {
            throw Refusal.notFound(asked.type, asked.key.name)
        }
        let words = pod.json.value(at: "status", "containerStatuses")?.items.first?
            .value(at: "state", "terminated", "message")?.text
        var text = podLogs[pod.uid] ?? words ?? ""
        if let lines = asked["tailLines"].flatMap({ Int($0) }) {
            let isEnded = text.hasSuffix("\n")
            let all = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast(isEnded ? 1 : 0)
            text = all.suffix(lines).joined(separator: "\n") + (isEnded ? "\n" : "")
        }
        let limit = asked["limitBytes"].flatMap { Int($0) } ?? Int.max
        return APIResponse(code: 200, body: Data(text.utf8.prefix(limit)))
    }

    static func jobCauses(_ new: JSONValue, _ live: JSONValue?) -> [Refusal.Cause] {
        var causes: [Refusal.Cause] = []
        let policy = new.value(at: "spec", "template", "spec", "restartPolicy")
        if policy != "Never", policy != "OnFailure" {
            causes.append(.required("spec.template.spec.restartPolicy", "valid values: \"OnFailure\", \"Never\""))
        }
        if let live, live.value(at: "spec", "template") != new.value(at: "spec", "template") {
            causes.append(.invalid("spec.template", "field is immutable"))
        }
        return causes
    }
}

extension StoredObject {
    fileprivate var isFinished: Bool { hasCondition("Complete") || hasCondition("Failed") }

    fileprivate var phase: String { json.value(at: "status", "phase")?.text ?? "" }

    fileprivate func isOverdue(_ now: Date) -> Bool {
        guard let seconds = json.value(at: "spec", "activeDeadlineSeconds")?.whole,
            let start = json.value(at: "status", "startTime")?.text.flatMap({ try? Date($0, strategy: .iso8601) })
        else { return false }
        return now.timeIntervalSince(start) >= Double(seconds)
    }
}
