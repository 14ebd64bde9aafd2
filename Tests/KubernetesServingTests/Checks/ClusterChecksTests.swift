import Analysis
import Foundation
import JSON
import KubernetesClient
import ModelManifests
import Rollouts
import TestSupport
import Testing

@testable import KubernetesServing

@Suite("Checks in a cluster", .serialized, .timeLimit(.minutes(10)))
struct ClusterChecksTests {
    @Test("the exit code decides, and its metrics and last output are reported", arguments: [0, 3])
    func exits(code: Int) async throws {
        let log = "loading\n{\"accuracy\": 0.93}\ndone\n"
        let stage = CheckRig(["server:1": ScriptedEnd(exitCode: code, log: log, steps: 3)])
        let outcome = try await stage.run()
        #expect(outcome == CheckOutcome(end: .exited(code), metrics: ["accuracy": 0.93], outputTail: log))
        #expect(await stage.jobNames.count == 1, "the answer may be asked for again, until it is recorded")
    }

    @Test("a controller that restarts finds the run and starts no second one")
    func restart() async throws {
        let stage = CheckRig(["server:1": ScriptedEnd(steps: 20)])
        let first = stage.checks()
        let running = Task { await first.run(CheckSample.inquiry(), CheckSample.gate) }
        try await stage.passTime(until: { await stage.transport.model.objects(.pods).count == 1 }) { _, _ in }
        running.cancel()
        #expect(await running.value.why == "the gate no longer asks for it")
        let outcome = try await stage.run(by: stage.checks())
        #expect(outcome.end == .exited(0))
        #expect(await stage.creations == 1)
        // The answer was lost too: it is read again.
        #expect(try await stage.run(by: stage.checks()).end == .exited(0))
        #expect(await stage.creations == 1)
    }

    @Test("a request whose answer was lost is not sent twice")
    func lostAnswer() async throws {
        let stage = CheckRig()
        // The first request looks for the Job, the second for earlier runs, the third creates it.
        await stage.transport.setPlan(FaultPlan(requests: [3: .lostAfter]))
        #expect(try await stage.run().end == .exited(0))
        #expect(await stage.creations == 1)
    }

    @Test("while the API server is unreachable nothing is decided")
    func away() async throws {
        let stage = CheckRig(["server:1": ScriptedEnd(exitCode: 3, steps: 5)])
        let outcome = try await stage.run { second, transport in
            if second == 2 { await transport.setAway(true) }
            if second == 500 { await transport.setAway(false) }
        }
        #expect(outcome.end == .exited(3))
        let other = try await CheckRig().run { second, transport in
            if second == 1 { await transport.setAway(true) }
        }
        #expect(other.why?.contains("the API server could not be asked for the result") == true)
        let never = CheckRig()
        await never.transport.setAway(true)
        #expect(try await never.run().why?.contains("cannot be created") == true)
    }

    @Test("a deleted Job is not a pass")
    func deleted() async throws {
        let stage = CheckRig(["server:1": ScriptedEnd(steps: 60)])
        let outcome = try await stage.run { second, transport in
            guard second == 5 else { return }
            let job = try #require(await stage.jobNames.first)
            try await KubernetesAPI(transport: transport).delete(
                .jobs, NamespacedName(namespace: "payments", name: job))
        }
        #expect(outcome.why?.contains("is gone: somebody deleted it") == true)
    }

    @Test("a Job that replaces it, with the same spec and a result of its own, is not a pass")
    func replaced() async throws {
        let stage = CheckRig(["server:1": ScriptedEnd(steps: 60), "true:1": ScriptedEnd()])
        let outcome = try await stage.run { second, transport in
            guard second == 5, let live = await stage.jobs().first else { return }
            let api = KubernetesAPI(transport: transport)
            let key = NamespacedName(namespace: "payments", name: live["metadata"]?["name"]?.string ?? "")
            try await api.delete(.jobs, key)
            let job = try CheckSample.job(CheckGate(command: ["true"], image: "true:1", timeout: .seconds(300)))
            let body = job.body.setting(["metadata", "name"], to: .string(key.name))
            try await api.create(.jobs, namespace: "payments", body: body.jsonData)
        }
        #expect(outcome.why?.contains("somebody replaced it") == true, "\(outcome)")
    }

    @Test("an earlier Job with its name that does something else is not used")
    func premade() async throws {
        let stage = CheckRig()
        let name = CheckJobRendering.name(of: CheckSample.inquiry())
        let job = try CheckSample.job(CheckGate(command: ["true"], timeout: .seconds(300)))
        try await KubernetesAPI(transport: stage.transport).create(
            .jobs, namespace: "payments",
            body: job.body.setting(["metadata", "name"], to: .string(name)).jsonData)
        let outcome = try await stage.run()
        #expect(outcome.why?.contains("exists already") == true)
        #expect(await stage.creations == 1)
    }

    /// Needs the right to create pods: the Job controller adopts the pod for the Job.
    @Test("a pod that a tenant creates under the Job's name is not a pass")
    func forged() async throws {
        let stage = CheckRig(["server:1": ScriptedEnd(exitCode: 1, steps: 60), "true:1": ScriptedEnd()])
        let outcome = try await stage.run { second, transport in
            guard second == 4, let job = await stage.jobs().first, let pod = await transport.model.objects(.pods).first
            else { return }
            // Everything is as in the real pod, except what runs.
            let check = try #require(pod["spec"]?["containers"]?[0]).merging(["image": "true:1"])
            let forged: JSONValue = [
                "apiVersion": "v1", "kind": "Pod",
                "metadata": [
                    "name": "forged", "labels": pod["metadata"]?["labels"] ?? .null,
                    "ownerReferences": pod["metadata"]?["ownerReferences"] ?? .null,
                ],
                "spec": (pod["spec"] ?? .null).merging(["containers": [check]]),
            ]
            #expect(job["metadata"]?["uid"] == pod["metadata"]?["ownerReferences"]?[0]?["uid"])
            let api = KubernetesAPI(transport: transport)
            try await api.create(.pods, namespace: "payments", body: forged.jsonData)
            try await api.delete(
                .pods, NamespacedName(namespace: "payments", name: pod["metadata"]?["name"]?.string ?? ""),
                graceSeconds: 0)
        }
        #expect(outcome.why?.contains("image (true:1, not server:1)") == true, "\(outcome)")
    }

    @Test("a Job that somebody changes is not the check any more")
    func edited() async throws {
        let stage = CheckRig(["server:1": ScriptedEnd(steps: 10)])
        let outcome = try await stage.run { second, transport in
            guard second == 3 else { return }
            let key = NamespacedName(namespace: "payments", name: try #require(await stage.jobNames.first))
            let patch: JSONValue = ["spec": ["parallelism": 2]]
            try await KubernetesAPI(transport: transport).merge(.jobs, key, body: patch.jsonData)
        }
        #expect(outcome.why?.contains("its parallelism differs") == true)
    }

    @Test(
        "a refusal by the cluster is reported with what to do",
        arguments: [
            Refused("Jobs over a quota", ["exceeded quota: small", "Raise the namespace's ResourceQuota"]) {
                $0.quotas = [.init(name: "small", namespace: "payments", type: .jobs, limit: 0)]
            },
            Refused("pods over a quota", ["no pod can be created", "exceeded quota: small", "Raise"]) {
                $0.quotas = [.init(name: "small", namespace: "payments", type: .pods, limit: 0)]
            },
            Refused("no right to make Jobs", ["cannot create resource \"jobs\"", "the chart's Role has it"]) {
                $0.denials = [.init(verbs: ["create"], type: .jobs)]
            },
            Refused("no right to look at pods", ["cannot list resource \"pods\"", "the chart's Role has it"]) {
                $0.denials = [.init(verbs: ["list"], type: .pods)]
            },
            Refused("a webhook", ["denied the request: no owner", "Ask the owner of that webhook"]) {
                $0.webhooks = [.init(name: "policy.example.com", type: .jobs, message: "no owner")]
            },
        ])
    func refused(refused: Refused) async throws {
        let stage = CheckRig()
        await stage.transport.update { refused.begin(&$0.refusals) }
        let outcome = try await stage.run()
        for word in refused.words { #expect(outcome.why?.contains(word) == true, "\(outcome)") }
    }

    struct Refused: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var words: [String]
        var begin: @Sendable (inout Refusals) -> Void

        init(_ what: String, _ words: [String], _ begin: @escaping @Sendable (inout Refusals) -> Void) {
            testDescription = what
            self.words = words
            self.begin = begin
        }
    }

    @Test("an image that cannot be pulled is not a pass, and is named")
    func image() async throws {
        let gate = CheckGate(command: ["x"], image: "bad/eval:1", timeout: .seconds(300))
        let outcome = try await CheckRig([:]).run(gate)
        #expect(outcome.why?.contains("the image bad/eval:1 cannot be pulled") == true, "\(outcome)")
        #expect(outcome.why?.contains("check.image") == true)
    }

    @Test("a check that does not end in time decides nothing, and its output is reported")
    func late() async throws {
        let stage = CheckRig(["server:1": ScriptedEnd(log: "epoch 1\n", steps: nil)])
        let outcome = try await stage.run(CheckGate(command: ["x"], timeout: .seconds(30)))
        #expect(outcome.why?.contains("did not end within 30s") == true, "\(outcome)")
        #expect(outcome.outputTail == "epoch 1\n")
    }

    @Test("the end of its output is read, however long it is")
    func bounded() async throws {
        let line = String(repeating: "x", count: 40_000)
        let log = String(repeating: line + "\n", count: 200) + "{\"accuracy\": 0.5}\n"
        let outcome = try await CheckRig(["server:1": ScriptedEnd(log: log)]).run()
        #expect(outcome.metrics == ["accuracy": 0.5])
        #expect(outcome.outputTail.utf8.count == CheckLog.tailBytes)
        #expect(outcome.outputTail.hasSuffix("{\"accuracy\": 0.5}\n"))
    }

    @Test(
        "values of its secrets are redacted if they may be read, and otherwise no output is shown",
        arguments: [true, false])
    func secrets(mayRead: Bool) async throws {
        let stage = CheckRig([
            "server:1": ScriptedEnd(exitCode: 1, log: "password s3cr3t-value\n{\"a\": 1, \"s3cr3t-value\": 2}\n")
        ])
        let secret: JSONValue = [
            "apiVersion": "v1", "kind": "Secret", "metadata": ["name": "db"],
            "data": ["value": .string(Data("s3cr3t-value".utf8).base64EncodedString())],
        ]
        try await KubernetesAPI(transport: stage.transport).create(
            .secrets, namespace: "payments", body: secret.jsonData)
        if !mayRead { await stage.transport.update { $0.refusals.denials = [.init(verbs: ["get"], type: .secrets)] } }
        let gate = CheckGate(
            command: ["x"], env: [EnvironmentVariable(name: "DB", value: .secret("db"))], timeout: .seconds(300),
            metrics: ["a": .init(min: 0)])
        let outcome = try await stage.run(gate)
        #expect(outcome.end == .exited(1))
        #expect(outcome.metrics["a"] == 1)
        #expect(!"\(outcome)".contains("s3cr3t"), "\(outcome)")
        #expect(outcome.outputTail.hasPrefix(mayRead ? "password ***" : "(its output is not shown"))
        #expect(
            !(await stage.transport.log.contains {
                String(decoding: $0.body ?? Data(), as: UTF8.self).contains("s3cr3t-value")
            }))
    }

    @Test("an earlier run is gone before the next begins")
    func oneAtATime() async throws {
        let stage = CheckRig(["server:1": ScriptedEnd(steps: 200)])
        let first = stage.checks()
        let running = Task { await first.run(CheckSample.inquiry(), CheckSample.gate) }
        try await stage.passTime(until: { await stage.transport.model.objects(.pods).count == 1 }) { _, _ in }
        running.cancel()
        _ = await running.value
        let before = await stage.jobNames
        let outcome = try await stage.run(CheckGate(command: ["x"], timeout: .seconds(5)), run: 2) { _, transport in
            #expect(await transport.model.objects(.pods).count <= 1)
        }
        #expect(outcome.why?.contains("did not end within 5s") == true)
        #expect(await stage.jobNames.count == 1)
        #expect(await stage.jobNames != before)
    }

    @Test("unwanted Jobs are deleted with their pods, wanted ones stay, and others' Jobs are left alone")
    func tidied() async throws {
        let stage = CheckRig(["server:1": ScriptedEnd(steps: 1)])
        let checks = stage.checks()
        let other = DeploymentKey(namespace: "payments", name: "other")
        let api = KubernetesAPI(transport: stage.transport)
        let theirs = try CheckSample.job(CheckSample.gate, CheckSample.inquiry(key: other))
        try await api.create(.jobs, namespace: "payments", body: theirs.body.jsonData)
        let namesake = try CheckSample.job(
            CheckSample.gate, CheckSample.inquiry(run: 9, key: DeploymentKey(namespace: "risk", name: Sample.key.name)))
        try await api.create(.jobs, namespace: "risk", body: namesake.body.jsonData)
        let others: Set = [theirs.key.name, namesake.key.name]
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await checks.run() }
            defer { group.cancelAll() }
            _ = try await stage.run(by: checks)
            // A run of an earlier controller.
            let old = try CheckSample.job(CheckSample.gate, CheckSample.inquiry(run: 7))
            try await api.create(.jobs, namespace: "payments", body: old.body.jsonData)
            let kept = CheckJobRendering.name(of: CheckSample.inquiry())
            try await stage.wait(untilJobs: others.union([kept])) {
                checks.keep(only: [CheckSample.inquiry()], of: Sample.key)
            }
            try await stage.wait(untilJobs: others) { checks.keep(only: [], of: Sample.key) }
            for _ in 0..<3 { await stage.transport.step() }  // The garbage collector's, and the kubelet's.
            let pods = await stage.transport.model.objects(.pods).map {
                $0["metadata"]?["labels"]?[ObjectLabels.check]?.string
            }
            #expect(pods.allSatisfy { $0.map(others.contains) == true })
        }
    }

    @Test("a bounded number runs at once in a cluster, and the others wait for their turn")
    func turns() async throws {
        let stage = CheckRig(["server:1": ScriptedEnd(steps: nil)])
        let checks = stage.checks()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<ClusterChecks.atOnce + 2 {
                let key = DeploymentKey(namespace: "payments", name: "d\(number)")
                group.addTask { _ = await checks.run(CheckSample.inquiry(key: key), CheckSample.gate) }
            }
            defer { group.cancelAll() }
            try await stage.passTime(until: { await stage.creations >= ClusterChecks.atOnce }) { _, _ in }
            try await stage.passTime(until: { stage.seconds >= 100 }) { _, _ in }
            #expect(await stage.creations == ClusterChecks.atOnce)
        }
    }
}
