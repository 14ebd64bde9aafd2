import Foundation
import JSON
import KubernetesClient
import ModelManifests
import Testing

@testable import KubernetesServing

@Suite("Readings of a check's Job and pod")
struct CheckObservationTests {
    private static let uid = "job-1"

    private func job(
        _ conditions: [JSONValue] = [], uid: String = CheckObservationTests.uid, isBeingDeleted: Bool = false,
        _ change: [([String], JSONValue)] = []
    ) throws -> CheckJobObject {
        let made = try CheckSample.job()
        var body = made.body.setting(["status", "conditions"], to: .array(conditions))
            .setting(["metadata", "uid"], to: .string(uid))
        if isBeingDeleted { body = body.setting(["metadata", "deletionTimestamp"], to: "2026-01-01T00:00:00Z") }
        for (path, value) in change { body = body.setting(path[...], to: value) }
        return try JSONDecoder().decode(CheckJobObject.self, from: body.jsonData)
    }

    /// The Job as the Job controller creates it, with what the API server and webhooks add.
    private func pod(
        _ status: String = "{}", owner: String? = CheckObservationTests.uid, isBeingDeleted: Bool = false,
        image: String? = nil, name: String = "p1"
    ) throws -> CheckPodObject {
        let made = try CheckSample.job()
        var check = try #require(made.podSpec["containers"]?[0]).merging(["imagePullPolicy": "IfNotPresent"])
        if let image { check = check.merging(["image": .string(image)]) }
        let extra: JSONValue = ["name": "OTEL", "value": "1"]
        check = check.merging(["env": .array((check["env"]?.items ?? []) + [extra])])
        var metadata: [String: JSONValue] = ["name": .string(name), "namespace": "payments"]
        if let owner {
            metadata["ownerReferences"] = [
                [
                    "apiVersion": "batch/v1", "kind": "Job", "name": .string(made.key.name), "uid": .string(owner),
                    "controller": true,
                ]
            ]
        }
        if isBeingDeleted { metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z" }
        let body: JSONValue = [
            "metadata": .object(metadata),
            "spec": made.podSpec.merging(["containers": [check, ["name": "istio-proxy", "image": "istio:1"]]]),
            "status": try Sample.json(status),
        ]
        return try JSONDecoder().decode(CheckPodObject.self, from: body.jsonData)
    }

    private func word(_ job: CheckJobObject?, _ pods: [CheckPodObject] = [], said: String? = nil) throws
        -> CheckObservation.Word
    {
        CheckObservation(
            job: try CheckSample.job(), uid: Self.uid, seen: job, pods: pods, limit: .seconds(300), said: said
        ).word
    }

    /// The reason of an undecided check; nil otherwise.
    private func why(_ word: CheckObservation.Word) -> String? {
        if case .undecided(let words, _) = word { words } else { nil }
    }

    private static func ended(_ more: String, status: String = "") -> String {
        #"{\#(status) "containerStatuses": [{"name": "istio-proxy", "state": {"running": {}}}, {"name": "check", "state": {"terminated": {\#(more)}}}]}"#
    }

    private static func condition(_ type: String, _ reason: String = "") -> JSONValue {
        ["type": .string(type), "status": "True", "reason": .string(reason)]
    }

    @Test(
        "the container's exit code counts, even while a sidecar keeps the Job from completing",
        arguments: [0, 1, 3, 128])
    func exits(code: Int) throws {
        let pod = try pod(Self.ended(#""exitCode": \#(code), "reason": "Error""#))
        #expect(try word(try job(), [pod]) == .exited(code, pod: "p1"))
        let isSuccess = code == 0
        let over = try job([Self.condition(isSuccess ? "Complete" : "Failed", "BackoffLimitExceeded")])
        #expect(try word(over, [pod]) == .exited(code, pod: "p1"))
    }

    @Test("a check that has not begun is starting; one that has begun is running")
    func living() throws {
        #expect(try word(try job()) == .starting(nil))
        #expect(try word(try job(), [try pod()]) == .starting(nil))
        let running = #"{"containerStatuses": [{"name": "check", "state": {"running": {}}}]}"#
        #expect(try word(try job(), [try pod(running)]) == .running(pod: "p1"))
        let suspended = try job([], [(["spec", "suspend"], true)])
        guard case .starting(let trouble?) = try word(suspended) else {
            Issue.record("not waited for")
            return
        }
        #expect(trouble.mayPass && trouble.text.contains("suspended"))
    }

    @Test(
        "the reason that prevents its start is reported with what to do",
        arguments: [
            ("check", "ErrImagePull", "not found", ["the image server:1 cannot be pulled: not found", "check.image"]),
            ("check", "ImagePullBackOff", "denied", ["denied", "runtime.imagePullSecrets"]),
            ("fetch-model", "ErrImagePull", "no", ["controller's settings"]),
            (
                "check", "CreateContainerConfigError",
                "container has runAsNonRoot and image will run as root", ["other than root", "check.image"]
            ),
            (
                "check", "CreateContainerConfigError", "secret \"db\" not found",
                ["secret \"db\" not found", "Create the Secret"]
            ),
            ("check", "RunContainerError", "exec: no such file", ["exec: no such file", "Correct `command`"]),
        ])
    func held(container: String, reason: String, message: String, words: [String]) throws {
        let state: JSONValue = ["waiting": ["reason": .string(reason), "message": .string(message)]]
        let list = container == "check" ? "containerStatuses" : "initContainerStatuses"
        let status: JSONValue = .object([
            list: [["name": .string(container), "image": "server:1", "state": state]]
        ])
        let said = try word(try job(), [try pod(CanonicalJSON.text(status))])
        guard case .starting(let trouble?) = said else {
            Issue.record("\(said)")
            return
        }
        #expect(!trouble.mayPass)
        for text in words { #expect(trouble.text.contains(text), "\(trouble.text)") }
    }

    @Test("a missing node may pass by itself, an exceeded quota does not")
    func clusters() throws {
        let waiting =
            #"{"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}]}"#
        guard case .starting(let node?) = try word(try job(), [try pod(waiting)]),
            case .starting(let quota?) = try word(try job(), said: "exceeded quota: small")
        else {
            Issue.record("not waited for")
            return
        }
        #expect(node.mayPass && node.text.contains("0/3 nodes"))
        #expect(!quota.mayPass && quota.text.contains("exceeded quota: small"))
    }

    @Test(
        "an end that the check did not cause itself decides nothing",
        arguments: [
            (#""exitCode": 137, "reason": "OOMKilled""#, "", "ran out of memory"),
            (
                #""exitCode": 128, "reason": "StartError", "message": "exec: \"evaluate\": not found""#, "",
                "cannot be started"
            ),
            (#""exitCode": 143, "reason": "Error""#, "", "signal 15"),
            (
                #""exitCode": 1, "reason": "Error""#, #""reason": "Evicted", "message": "The node was low on memory","#,
                "removed while it ran"
            ),
            (
                #""exitCode": 1"#,
                #""conditions": [{"type": "DisruptionTarget", "status": "True", "message": "preempted"}],"#, "preempted"
            ),
            (
                #""exitCode": 143"#, #""reason": "DeadlineExceeded","#, "did not end within 5m"
            ),
            (
                #""exitCode": 0, "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:05:03Z""#, "",
                "did not end within 5m"
            ),
        ])
    func ends(terminated: String, status: String, words: String) throws {
        let pod = try pod(Self.ended(terminated, status: status))
        let word = try word(try job(), [pod])
        #expect(why(word)?.contains(words) == true, "\(word)")
    }

    @Test("a second over the limit is a rounded clock and not a time-out")
    func rounding() throws {
        let pod = try pod(
            Self.ended(#""exitCode": 0, "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:05:01Z""#))
        #expect(try word(try job(), [pod]) == .exited(0, pod: "p1"))
    }

    @Test("a pod that is gone or ended without the check's exit code decides nothing")
    func lost() throws {
        #expect(why(try word(nil))?.contains("is gone") == true)
        #expect(
            why(try word(try job([Self.condition("Complete")])))?.contains("the result of the check is lost") == true)
        #expect(why(try word(try job([Self.condition("Failed", "DeadlineExceeded")])))?.contains("within 5m") == true)
        #expect(why(try word(try job(isBeingDeleted: true)))?.contains("being deleted") == true)
        #expect(why(try word(try job(), [try pod(isBeingDeleted: true)]))?.contains("was deleted before") == true)
        #expect(
            why(try word(try job(), [try pod(#"{"phase": "Failed", "message": "node lost"}"#)]))?.contains("node lost")
                == true)
        let fetch =
            #"{"initContainerStatuses": [{"name": "fetch-model", "state": {"terminated": {"exitCode": 1, "message": "404"}}}]}"#
        #expect(why(try word(try job(), [try pod(fetch)]))?.contains("cannot be fetched: 404") == true)
    }

    @Test("a replaced Job, and one that somebody changed, decide nothing")
    func replaced() throws {
        let pods = [try pod(Self.ended(#""exitCode": 0"#))]
        #expect(try word(try job(), pods) == .exited(0, pod: "p1"))
        #expect(why(try word(try job(uid: "other"), pods))?.contains("somebody replaced it") == true)
        let template = ["spec", "template", "spec"]
        for (path, value) in [
            (["spec", "parallelism"], 2), (["spec", "backoffLimit"], 6), (["spec", "activeDeadlineSeconds"], 9_999),
            (template + ["containers"], [["name": "check", "image": "evil:1", "command": ["true"]]]),
            (template + ["initContainers"], []), (template + ["volumes"], []),
        ] as [([String], JSONValue)] {
            let word = try word(try job([], [(path, value)]), pods)
            #expect(why(word)?.contains("is not as mlctl created it") == true, "\(path): \(word)")
        }
    }

    @Test("a pod that the Job does not control, a second pod, and one with another image do not pass")
    func forged() throws {
        let pass = Self.ended(#""exitCode": 0"#)
        #expect(try word(try job(), [try pod(pass, owner: nil)]) == .starting(nil))
        #expect(try word(try job(), [try pod(pass, owner: "somebody")]) == .starting(nil))
        let two = [try pod(pass), try pod(pass, name: "p2")]
        #expect(why(try word(try job(), two))?.contains("has 2 pods") == true)
        let other = try word(try job(), [try pod(pass, image: "evil:1")])
        #expect(why(other)?.contains("image (evil:1, not server:1)") == true)
    }

    @Test("an empty variable comes back without a value, which is not a change")
    func emptyValue() throws {
        let gate = CheckGate(
            command: ["x"], env: [EnvironmentVariable(name: "EMPTY", value: .literal(""))], timeout: .seconds(300))
        let made = try CheckSample.job(gate)
        let container = try #require(made.podSpec["containers"]?[0])
        let env = (container["env"]?.items ?? []).map { $0["name"] == "EMPTY" ? ["name": "EMPTY"] : $0 }
        let seen = made.podSpec.merging(["containers": [container.merging(["env": .array(env)])]])
        #expect(CheckSpecComparison.difference(ofPod: seen, from: made) == nil)
    }

    @Test("an endpoint that opened meanwhile is not a change")
    func endpoint() throws {
        let open = try CheckSample.job(CheckSample.gate, CheckSample.inquiry(endpoint: "http://fraud.payments.svc"))
        let closed = try CheckSample.job()
        #expect(CheckSpecComparison.difference(of: closed.spec, from: open) == nil)
        #expect(CheckSpecComparison.difference(of: open.spec, from: closed) == nil)
        let moved = try CheckSample.job(CheckSample.gate, CheckSample.inquiry(port: 9000))
        #expect(CheckSpecComparison.difference(of: moved.spec, from: closed)?.contains("MLCTL_CANDIDATE_URL") == true)
    }
}
