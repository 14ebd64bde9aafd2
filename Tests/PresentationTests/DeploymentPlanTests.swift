import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import TestSupport
import Testing

@testable import Presentation

@Suite("A plan")
struct DeploymentPlanTests {
    private func deployment(
        _ version: String, replicas: Int = 2, _ extra: String = "", model: String = ""
    ) throws -> ModelDeployment {
        let text = """
            apiVersion: mlctl.dev/v1alpha1
            kind: ModelDeployment
            metadata: {name: fraud-scorer, namespace: payments}
            spec:
              model: {version: "\(version)"\(model)}
              runtime: {command: [serve]}
              replicas: \(replicas)
              resources: {limits: {cpu: 500m, memory: 1536Mi, nvidia.com/gpu: "1"}}
              endpoint: {port: 9000}
              rollout: {steps: [{setWeight: 25}, {setWeight: 100}]\(extra)}
            """
        let desired = DesiredState.resolve(files: [ManifestReader.read(text, file: "a.yaml")])
        #expect(desired.diagnostics.isEmpty)
        return try #require(desired.deployments.values.first)
    }

    /// What a controller reports that runs this deployment.
    private func running(
        _ deployment: ModelDeployment, wanted: ModelDeployment? = nil, candidate: ModelDeployment? = nil,
        quarantined: Revision? = nil
    ) -> DeploymentPlan.Running {
        func load(_ deployment: ModelDeployment) -> RevisionLoad {
            let template = deployment.template
            return RevisionLoad(
                revision: template.revision, version: template.model.version,
                digest: template.model.digest?.description, replicas: deployment.replicas, resources: template.resources
            )
        }
        var status = StatusSamples.progressing
        status.candidate = candidate.map {
            RevisionStatus(
                revision: $0.template.revision, version: $0.template.model.version, weight: 25, replicas: 2, ready: 2)
        }
        status.quarantined =
            quarantined.map {
                [QuarantineStatus(revision: $0, version: "3", reason: "it failed", at: StatusSamples.now)]
            } ?? []
        return .present(
            DeploymentExplanation(
                status: status, settings: deployment.settingsWords, stableLoad: load(deployment),
                wanted: load(wanted ?? candidate ?? deployment)))
    }

    @Test("tells apart deployments that are new, rolled out, changed, unchanged, or not tried again")
    func changes() throws {
        let (two, three) = (try deployment("2"), try deployment("3"))
        func change(_ deployment: ModelDeployment, _ running: DeploymentPlan.Running) -> DeploymentPlan.Change {
            DeploymentPlan(deployment, against: running).change
        }
        #expect(change(two, .unknown) == .unknown)
        #expect(change(two, .absent) == .created)
        #expect(change(two, running(two)) == .unchanged)
        #expect(change(three, running(two)) == .revision)
        #expect(change(three, running(two, candidate: three)) == .unchanged)
        #expect(change(try deployment("4"), running(two, candidate: three)) == .revision)
        #expect(change(two, running(two, candidate: three)) == .revision)
        #expect(change(three, running(two, wanted: three, quarantined: three.template.revision)) == .quarantined)
        #expect(change(try deployment("2", replicas: 3), running(two)) == .settings)
    }

    @Test("describes which settings change")
    func settings() throws {
        let changed = try deployment(
            "2", replicas: 3, ", gates: [{name: p99, threshold: {metric: latencyP99, max: 0.25}}]")
        let plan = DeploymentPlan(changed, against: running(try deployment("2")))
        #expect(plan.settingChanges.first == "replicas: 2 → 3")
        #expect(plan.settingChanges.contains { $0.hasPrefix("gate p99: is the p99 latency") && $0.hasSuffix("(new)") })
        #expect(plan.settingChanges.filter { $0.contains("removed (was") }.count == 3)
    }

    @Test("says the peak resources while both revisions are loaded")
    func capacity() throws {
        let (two, three) = (try deployment("2"), try deployment("3"))
        func capacity(_ deployment: ModelDeployment, _ running: DeploymentPlan.Running) -> String {
            DeploymentPlan(deployment, against: running).capacity
        }
        #expect(
            capacity(three, running(two))
                == "4 instances: 2 CPU, 6 GiB of memory, 4 nvidia.com/gpu while both revisions are loaded")
        #expect(capacity(three, .absent) == "2 instances: 1 CPU, 3 GiB of memory, 2 nvidia.com/gpu")
        #expect(capacity(two, running(two)) == "2 instances: 1 CPU, 3 GiB of memory, 2 nvidia.com/gpu")
        #expect(capacity(three, .unknown).hasSuffix("plus the revision that serves now"))
        let draining = try deployment("3", ", capacity: drainThenLoad")
        #expect(capacity(draining, running(two)).hasSuffix("the old revision stops first"))
    }

    @Test("keeps the serving revision's model files where they may change, and says that the revision is not final")
    func mutableFiles() throws {
        let written = try deployment("2", model: ", storageUri: \"file:models/2\"")
        let digest = try #require(Digest("sha256:" + String(repeating: "ab", count: 32)))
        var pinned = written
        pinned.template = written.template.pinned(to: digest)
        let same = DeploymentPlan(written, against: running(pinned))
        #expect(same.change == .unchanged)
        let other = DeploymentPlan(
            try deployment("3", model: ", storageUri: \"file:models/3\""), against: running(pinned))
        #expect(other.change == .revision && !other.isRevisionFinal)
    }

    @Test("during a first deployment tells what serves or is on its way, and does not say that nothing does")
    func duringFirstDeployment() throws {
        let (one, two) = (try deployment("1"), try deployment("2"))
        func plan(_ wanted: ModelDeployment, candidate: ModelDeployment?, availability: String = "True")
            -> DeploymentPlan
        {
            guard case .present(var known) = running(one, candidate: candidate) else {
                return DeploymentPlan(wanted, against: .absent)
            }
            known.stableLoad = nil
            known.status.stable = nil
            known.status.conditions.removeAll { $0.type == "Available" }
            known.status.conditions.append(
                Condition(type: "Available", status: availability, reason: "r", message: "m"))
            return DeploymentPlan(wanted, against: .present(known))
        }
        let same = plan(one, candidate: one)
        #expect(same.change == .unchanged && same.text == "version 1 is already being deployed; nothing changes")
        let next = plan(two, candidate: one)
        #expect(next.change == .revision && next.text == "version 2 replaces version 1, which serves")
        let unknown = plan(two, candidate: nil, availability: "Unknown")
        #expect(unknown.change == .unknown && unknown.text.contains("what serves is not known"))
        let nothing = plan(two, candidate: nil)
        #expect(nothing.change == .created && nothing.text == "version 2 is deployed; nothing serves yet")
    }

    @Test("a revert to what serves keeps the files that it was pinned to")
    func revertOfMutableFiles() throws {
        let one = try deployment("1", model: ", storageUri: \"file:models/1\"")
        let digest = try #require(Digest("sha256:" + String(repeating: "ab", count: 32)))
        var pinned = one
        pinned.template = one.template.pinned(to: digest)
        let plan = DeploymentPlan(one, against: running(pinned, candidate: try deployment("2")))
        #expect(plan.revision == pinned.template.revision)
        #expect(plan.text == "the current rollout ends, and version 1 keeps serving")
    }

    @Test("says that no gate looks at predictions, and that gates which only warn never hold or roll back")
    func evidence() throws {
        func warnings(_ extra: String) throws -> [String] {
            DeploymentPlan(try deployment("3", extra), against: .absent).warnings
        }
        #expect(try warnings("").map { $0.prefix(34) } == ["no gate looks at predictions: add "])
        #expect(try warnings(", gates: []").first?.hasPrefix("there are no gates: ") == true)
        let warns = try warnings(", gates: [{name: c, check: {command: [evaluate]}, warnOnly: true}]")
        #expect(warns.count == 1 && warns[0].hasPrefix("every gate is warnOnly, "), "\(warns)")
        #expect(try warnings(", gates: [{name: c, check: {command: [evaluate]}}]") == [])
        let settings = DeploymentPlan(
            try deployment("3", ", gates: [{name: e, compare: {metric: errors}, warnOnly: true}]"), against: .absent
        ).settings
        #expect(
            settings.first { $0.name == "gate e" }?.text.hasSuffix(" (warnOnly: reported, but nothing acts on it)")
                == true)
    }

    @Test("prints a readable plan")
    func text() throws {
        let plans = [DeploymentPlan(try deployment("3", replicas: 3), against: running(try deployment("2")))]
        let rollout = """
            ~ payments/fraud-scorer: version 3 is rolled out to replace version 2
                users     version 3 answers 25, 100 % of requests, step by step; version 2 answers the others
                revision  27ba60113c → 376fd87373
                changes   replicas: 2 → 3
                steps     1. set weight 25 %
                          2. set weight 100 %
                takes     not known without the endpoint's traffic: no controller that counts it answered
                gates     errors: does the candidate fail requests more often than stable, by more than 10 %?
                          rejected: does the candidate reject requests (4xx) more often than stable, by more than 10 %?
                          slow: does the candidate take longer than stable's p95 more often than stable, by more than 10 %?
                promise   errors, rejected, slow roll back a candidate that is within their tolerances in at most 1 of 100 rollouts
                assumes   errors, slow: failures of an instance within 5 ms, or without a good answer between them, are one event of up to 60 requests or 2 s; events do not depend on each other, and before the first event failures count as single ones
                          rejected: failures come singly, or in clumps like those of earlier looks: the source does not report events
                needs     6 instances: 3 CPU, 9 GiB of memory, 6 nvidia.com/gpu while both revisions are loaded
                endpoint  http://127.0.0.1:9000, answers within 1m
                warning   no gate looks at predictions: add the steps '- mirror: 100' and '- gate: {name: answers, agreement: {min: 0.95}}' before the others, with 'shadow: {path: PLACE}', the place of the prediction in its answers, such as result.label (and a tolerance, for numbers): without it whole answers are compared

            1 to roll out
            """
        #expect(PlanText(plans: plans, canvas: Canvas()).lines().joined(separator: "\n") == rollout)
        let unchanged = [DeploymentPlan(try deployment("2"), against: running(try deployment("2")))]
        let rest = """
            = payments/fraud-scorer: version 2 keeps serving; nothing changes
                revision  27ba60113c

            nothing happens: it serves already
            """
        #expect(PlanText(plans: unchanged, canvas: Canvas()).lines().joined(separator: "\n") == rest)
        for width in 40...100 {
            let lines = PlanText(plans: plans, canvas: Canvas(width: width)).lines()
            #expect(lines.allSatisfy { $0.columns <= width })
        }
    }

    @Test("says that a check in a cluster runs as a Job, and in which image")
    func clusterChecks() throws {
        let text = """
            apiVersion: mlctl.dev/v1alpha1
            kind: ModelDeployment
            metadata: {name: fraud-scorer, namespace: payments}
            spec:
              model: {version: "1"}
              runtime: {image: "server:1"}
              target: {kind: kubernetes}
              rollout: {gates: [{name: golden, check: {command: [evaluate]}}]}
            """
        let desired = DesiredState.resolve(files: [ManifestReader.read(text, file: "a.yaml")])
        let plan = DeploymentPlan(try #require(desired.deployments.values.first), against: .absent)
        let gate = try #require(plan.settings.first { $0.name == "gate golden" })
        #expect(gate.text.hasSuffix("? (as a Job in namespace payments, in the image server:1)"), "\(gate.text)")
    }
}
