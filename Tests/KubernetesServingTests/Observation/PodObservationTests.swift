import JSON
import KubernetesClient
import ModelManifests
import Serving
import Testing

@testable import KubernetesServing

@Suite("Pods as instances")
struct PodObservationTests {
    private func instance(_ status: String, metadata: String = "") throws -> InstanceObservation {
        let pod = try Sample.pod(
            #"""
            {"metadata":{"name":"p","namespace":"payments","labels":{"mlctl.dev/revision":"1111111111"}\#(metadata)},
             "spec":{"containers":[{"name":"model","ports":[{"name":"http","containerPort":8080},
                                                          {"name":"metrics","containerPort":9000}]}]},
             "status":\#(status)}
            """#)
        return try #require(PodObservation(pod).instance)
    }

    private static let initialized =
        #""initContainerStatuses":[{"name":"fetch-model","state":{"terminated":{"exitCode":0}}}]"#

    static let conditions: [(String, InstanceObservation.Condition)] = [
        (#"{"phase":"Pending"}"#, .starting),
        (
            #"{"phase":"Pending","initContainerStatuses":[{"name":"fetch-model","restartCount":0,"state":{"running":{}}}]}"#,
            .fetching
        ),
        (
            #"{"phase":"Running",\#(initialized),"containerStatuses":[{"name":"model","started":false,"state":{"running":{"startedAt":"2026-01-01T00:00:05Z"}}}],"conditions":[{"type":"Ready","status":"False","lastTransitionTime":"2026-01-01T00:00:00Z"}]}"#,
            .starting
        ),
        (
            #"{"phase":"Running",\#(initialized),"containerStatuses":[{"name":"model","started":true,"state":{"running":{"startedAt":"2026-01-01T00:00:05Z"}}}],"conditions":[{"type":"Ready","status":"False","lastTransitionTime":"2026-01-01T00:10:00Z"}]}"#,
            .unready
        ),
        (#"{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}"#, .ready),
        (#"{"containerStatuses":[{"name":"model","state":{"waiting":{"reason":"ImagePullBackOff"}}}]}"#, .blocked),
        (#"{"containerStatuses":[{"name":"model","state":{"waiting":{"reason":"ErrImagePull"}}}]}"#, .blocked),
        (
            #"{"containerStatuses":[{"name":"model","state":{"waiting":{"reason":"ErrImagePull","message":"x/y:1: not found"}}}]}"#,
            .failed
        ),
        (#"{"containerStatuses":[{"name":"model","state":{"waiting":{"reason":"InvalidImageName"}}}]}"#, .failed),
        (
            #"{"containerStatuses":[{"name":"model","state":{"waiting":{"reason":"CreateContainerConfigError"}}}]}"#,
            .blocked
        ),
        (
            #"{"containerStatuses":[{"name":"model","restartCount":4,"state":{"waiting":{"reason":"CrashLoopBackOff"}}}]}"#,
            .crashLooping
        ),
        (
            #"{"initContainerStatuses":[{"name":"fetch-model","restartCount":2,"state":{"waiting":{"reason":"CrashLoopBackOff"}}}],"containerStatuses":[{"name":"model","state":{"waiting":{"reason":"PodInitializing"}}}]}"#,
            .blocked
        ),
        // The companion: sending requests, refused by the server, without requests.
        (
            #"{"containerStatuses":[{"name":"model","ready":true,"started":true,"state":{"running":{"startedAt":"2026-01-01T00:00:05Z"}}},{"name":"companion","ready":false,"state":{"running":{}}}]}"#,
            .starting
        ),
        (
            #"{"containerStatuses":[{"name":"model","ready":true,"state":{"running":{}}},{"name":"companion","ready":false,"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":1,"message":"mlctl: no"}}}]}"#,
            .starting
        ),
        (
            #"{"containerStatuses":[{"name":"model","ready":true,"state":{"running":{}}},{"name":"companion","ready":false,"state":{"running":{}},"lastState":{"terminated":{"exitCode":2,"message":"mlctl: w.jsonl is not there"}}}]}"#,
            .failed
        ),
        (
            #"{"initContainerStatuses":[{"name":"verify-model","state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":2}}}]}"#,
            .failed
        ),
        (
            #"{"initContainerStatuses":[{"name":"verify-model","state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":1}}}]}"#,
            .blocked
        ),
    ]

    /// Failures that any cluster would have, and failures that another cluster, or this one later, would not.
    static let blames: [(String, String, InstanceObservation.Condition)] = [
        ("ErrImagePull", "failed to resolve reference: ghcr.io/a/b:1: not found", .failed),
        ("ErrImagePull", "manifest unknown", .failed),
        ("ErrImagePull", "dial tcp 10.0.0.1:443: i/o timeout", .blocked),
        ("ErrImagePull", "lookup ghcr.io: no such host", .blocked),
        ("ErrImagePull", "pull access denied, repository does not exist or may require authorization", .blocked),
        ("ErrImagePull", "401 Unauthorized: repository not found, or no right to see it", .blocked),
        ("ImagePullBackOff", "Back-off pulling image", .blocked),
        ("ErrImageNeverPull", "", .blocked),
        ("InvalidImageName", "", .failed),
        ("CreateContainerConfigError", "secret \"t\" not found", .blocked),
        ("CreateContainerConfigError", "container has runAsNonRoot and image will run as root", .failed),
        ("CreateContainerError", "failed to reserve container name", .blocked),
        ("CreateContainerError", "no command specified", .failed),
        ("RunContainerError", "exec: \"serve\": executable file not found in $PATH", .failed),
        ("RunContainerError", "no space left on device", .blocked),
    ]

    @Test("a revision is blamed only for failures that its manifest would cause in any cluster", arguments: blames)
    func blame(reason: String, message: String, condition: InstanceObservation.Condition) throws {
        let waiting: JSONValue = ["waiting": ["reason": .string(reason), "message": .string(message)]]
        let model: JSONValue = ["containerStatuses": [["name": "model", "image": "a:1", "state": waiting]]]
        #expect(try instance(CanonicalJSON.text(model)).condition == condition)
        // Another container in the pod is not the revision's fault.
        let beside: JSONValue = [
            "containerStatuses": [
                ["name": "model", "state": ["running": .object([:])]], ["name": "injected", "state": waiting],
            ]
        ]
        #expect(try instance(CanonicalJSON.text(beside)).condition == .blocked)
    }

    @Test(
        "effects of the cluster on a pod are not the model's fault",
        arguments: [
            (
                #"{"conditions":[{"type":"PodScheduled","status":"False","message":"0/3 nodes are available"}]}"#,
                "nodes"
            ),
            (
                #"{"phase":"Running","containerStatuses":[{"name":"model","ready":true,"started":true,"state":{"running":{"startedAt":"2026-01-01T00:00:00Z"}}}],"conditions":[{"type":"Ready","status":"False","lastTransitionTime":"2026-01-01T01:00:00Z"}]}"#,
                "its node does not answer"
            ),
            (
                #"{"containerStatuses":[{"name":"model","ready":true,"state":{"running":{}}}],"conditions":[{"type":"Ready","status":"False","reason":"ReadinessGatesNotReady","message":"gate x"}]}"#,
                "readiness gates"
            ),
            (
                #"{"containerStatuses":[{"name":"model","ready":true,"state":{"running":{}}},{"name":"injected","ready":false,"state":{"waiting":{"reason":"CrashLoopBackOff"}}}]}"#,
                "beside the model's server"
            ),
        ])
    func clusters(status: String, words: String) throws {
        let seen = try instance(status)
        #expect(seen.condition == .blocked)
        #expect(seen.reason?.contains(words) == true, "\(seen)")
    }

    @Test(
        "a pod is removed by the cluster, or ends by its own limits",
        arguments: [
            (#"{"conditions":[{"type":"DisruptionTarget","status":"True","message":"drained"}]}"#, true),
            (#"{"phase":"Failed","reason":"Evicted","message":"The node was low on resource: memory."}"#, true),
            (#"{"phase":"Failed","reason":"OutOfnvidia.com/gpu"}"#, true),
            (
                #"{"phase":"Failed","reason":"Evicted","message":"Pod ephemeral local storage usage exceeds the total limit of containers 1Gi."}"#,
                false
            ),
            (#"{"phase":"Failed","reason":"DeadlineExceeded"}"#, false), (#"{"phase":"Running"}"#, false),
        ])
    func disruption(status: String, isClusters: Bool) throws {
        let pod = try Sample.pod(#"{"metadata":{"name":"p"},"status":\#(status)}"#)
        #expect((PodObservation(pod).disruption != nil) == isClusters)
    }

    @Test("a status is a condition", arguments: conditions)
    func condition(status: String, condition: InstanceObservation.Condition) throws {
        #expect(try instance(status).condition == condition)
    }

    @Test("a pod that is being deleted drains, ready or not")
    func draining() throws {
        let seen = try instance(
            #"{"conditions":[{"type":"Ready","status":"True"}]}"#,
            metadata: #","deletionTimestamp":"2026-01-01T00:00:00Z""#)
        #expect(seen.condition == .draining)
    }

    @Test(
        "a reason says what to do",
        arguments: [
            (
                #"{"conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":"0/3 nodes are available: 3 Insufficient nvidia.com/gpu."}]}"#,
                ["lack of GPUs", "Insufficient nvidia.com/gpu", "drainThenLoad"]
            ),
            (
                #"{"conditions":[{"type":"PodScheduled","status":"False","message":"persistentvolumeclaim \"m\" not found"}]}"#,
                ["Create the claim"]
            ),
            (
                #"{"containerStatuses":[{"name":"model","image":"bad:1","state":{"waiting":{"reason":"ImagePullBackOff","message":"denied"}}}]}"#,
                ["bad:1", "denied", "imagePullSecrets"]
            ),
            (
                #"{"containerStatuses":[{"name":"model","state":{"waiting":{"reason":"CreateContainerConfigError","message":"container has runAsNonRoot and image will run as root"}}}]}"#,
                ["podSecurity: baseline"]
            ),
            (
                #"{"containerStatuses":[{"name":"model","state":{"waiting":{"reason":"CreateContainerConfigError","message":"secret \"t\" not found"}}}]}"#,
                ["Create the Secret", "`value`"]
            ),
            (
                #"{"containerStatuses":[{"name":"model","state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":137,"reason":"OOMKilled"}}}]}"#,
                ["limits.memory"]
            ),
            (
                #"{"initContainerStatuses":[{"name":"fetch-model","state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":1,"message":"a\nHTTP 403"}}}],"containerStatuses":[{"name":"model"}]}"#,
                ["files cannot be fetched", "HTTP 403", "storageUri"]
            ),
            (
                #"{"initContainerStatuses":[{"name":"verify-model","state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":2,"message":"mlctl: the files in /model do not match sha256:aa: their digest is sha256:bb"}}}]}"#,
                ["do not match sha256:aa", "`digest`"]
            ),
            (
                #"{"containerStatuses":[{"name":"model","ready":true,"state":{"running":{}}},{"name":"companion","ready":false,"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":1,"message":"mlctl: warm-up request 1 of 2 got status 500"}}}]}"#,
                ["its warm-up fails: warm-up request 1 of 2 got status 500"]
            ),
            (
                #"{"containerStatuses":[{"name":"model","state":{"running":{}}},{"name":"companion","image":"mlctl:0","state":{"waiting":{"reason":"ErrImagePull"}}}]}"#,
                ["mlctl:0", "controller's settings"]
            ),
        ])
    func reason(status: String, words: [String]) throws {
        let reason = try #require(try instance(status).reason)
        for word in words { #expect(reason.contains(word), "\(reason)") }
    }

    @Test("addresses are by port name, and the serving port also has an entry without a name")
    func addresses() throws {
        let seen = try instance(#"{"podIP":"10.0.0.7","conditions":[{"type":"Ready","status":"True"}]}"#)
        #expect(seen.addresses == ["": "10.0.0.7:8080", "http": "10.0.0.7:8080", "metrics": "10.0.0.7:9000"])
        let six = try instance(#"{"podIP":"fd00::7"}"#)
        #expect(six.addresses[""] == "[fd00::7]:8080")
    }

    @Test("restarts are those of the container with the most restarts")
    func restarts() throws {
        let seen = try instance(
            #"{"containerStatuses":[{"name":"model","restartCount":3,"state":{"running":{"startedAt":"2026-01-01T00:00:00Z"}}}]}"#
        )
        #expect(seen.restarts == 3)
    }
}
