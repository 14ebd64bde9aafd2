import Foundation
import JSON
import KubernetesClient
import ModelManifests
import Serving
import Testing

@testable import KubernetesServing

@Suite("A cluster's objects as an observation")
struct ClusterObservationTests {
    private func workload(_ status: String, template: ServingTemplate? = nil) throws -> ManagedObject<WorkloadKind> {
        let metadata = JSONValue.fields([
            "name": "fraud-1111111111", "namespace": "payments",
            "labels": .strings(ObjectLabels.of(Sample.key, revision: Sample.one)),
            "annotations": template.map { .strings([ObjectAnnotations.template: AnnotationJSON.text($0)]) },
        ])
        let object: JSONValue = ["metadata": metadata, "spec": ["replicas": 1], "status": try Sample.json(status)]
        return try JSONDecoder().decode(ManagedObject<WorkloadKind>.self, from: object.jsonData)
    }

    private func seen(_ workload: ManagedObject<WorkloadKind>, plan: ServingPlan? = nil, sketch: PlanOutline? = nil)
        -> Observation
    {
        ClusterObservation(
            deployment: Sample.key, router: ProxyRouter(), pods: [], workloads: [workload], readyProxies: 0,
            objects: [:], plan: plan, sketch: sketch, problems: []
        ).observation
    }

    @Test(
        "the reason that no pods can be created is reported with what to do",
        arguments: [
            ("pods is forbidden: exceeded quota: compute", "ResourceQuota"),
            ("violates PodSecurity restricted", "runtime.podSecurity"),
            ("error looking up service account: serviceaccount x not found", "serviceAccountName"),
            ("something else", "kubectl -n payments describe deployment fraud-1111111111"),
        ])
    func replicaFailure(message: String, advice: String) throws {
        let status = JSONValue.object([
            "conditions": [["type": "ReplicaFailure", "status": "True", "message": .string(message)]]
        ])
        let observed = seen(try workload(CanonicalJSON.text(status)))
        let problems = observed.problems
        // The engine sees an instance that the cluster blocks, not a revision without instances.
        #expect(observed.instances.map(\.condition) == [.blocked])
        #expect(observed.instances.map(\.revision) == [Sample.one])
        #expect(observed.instances.first?.reason == problems.first)
        #expect(problems.count == 1)
        #expect(problems.allSatisfy { $0.contains(message) && $0.contains(advice) }, "\(problems)")
    }

    @Test("a plan is restored from the annotations of existing objects")
    func restored() throws {
        var plan = Sample.plan([(Sample.one, 1, 100), (Sample.two, 1, 0)])
        let found = seen(
            try workload("{}", template: plan.revisions[0].template), sketch: PlanOutline(plan)
        ).plan
        plan.revisions.removeLast()
        #expect(found == plan)
    }

    @Test("a warm-up from files that only the server's image has is reported as impossible")
    func warmup() throws {
        var plan = Sample.plan([(Sample.one, 1, 100)])
        plan.revisions[0].template.runtime.warmup = Warmup(file: "warmup.jsonl")
        #expect(!seen(try workload("{}"), plan: plan).problems.contains { $0.contains("runtime.warmup") })
        plan.revisions[0].template.model.storageURI = nil
        #expect(seen(try workload("{}"), plan: plan).problems.contains { $0.contains("runtime.warmup") })
    }

    @Test("a pod that replaces one that the cluster removed counts as blocked by the cluster, unless it fails itself")
    func standIn() throws {
        func pod(_ name: String, _ status: String) throws -> ManagedObject<PodKind> {
            try Sample.pod(
                #"{"metadata":{"name":"\#(name)","labels":{"mlctl.dev/revision":"1111111111"}},"status":\#(status)}"#)
        }
        let crashing = #"{"containerStatuses":[{"name":"model","state":{"waiting":{"reason":"CrashLoopBackOff"}}}]}"#
        let pods = [
            try pod("a", #"{"phase":"Pending"}"#), try pod("b", crashing),
            try pod("c", #"{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}"#),
        ]
        func conditions(_ disrupted: [Revision: String]) -> [InstanceObservation.Condition] {
            ClusterObservation(
                deployment: Sample.key, router: ProxyRouter(), pods: pods, workloads: [], readyProxies: 0, objects: [:],
                plan: nil, sketch: nil, disrupted: disrupted, problems: []
            ).observation.instances.map(\.condition)
        }
        #expect(conditions([:]) == [.starting, .crashLooping, .ready])
        #expect(conditions([Sample.one: "a node is drained"]) == [.blocked, .crashLooping, .ready])
        #expect(conditions([Sample.two: "a node is drained"]) == [.starting, .crashLooping, .ready])
    }

    @Test("if an autoscaler owns the number, its number is reported")
    func scaled() throws {
        var plan = Sample.plan([(Sample.one, 1, 100)])
        #expect(seen(try workload("{}"), plan: plan).wantedReplicas == [:])
        plan.scaling = .external
        #expect(seen(try workload("{}"), plan: plan).wantedReplicas == [Sample.one: 1])
    }

    @Test("an evicted pod is not an instance; a pod that is being deleted is, and drains")
    func instances() throws {
        let labels = #""labels":{"mlctl.dev/revision":"1111111111"}"#
        let evicted = try Sample.pod(
            #"{"metadata":{"name":"a",\#(labels)},"status":{"phase":"Failed","reason":"Evicted"}}"#)
        let leaving = try Sample.pod(
            #"{"metadata":{"name":"b",\#(labels),"deletionTimestamp":"2026-01-01T00:00:00Z"},"status":{"phase":"Running"}}"#
        )
        let observation = ClusterObservation(
            deployment: Sample.key, router: ProxyRouter(), pods: [leaving, evicted], workloads: [], readyProxies: 0,
            objects: [:], plan: nil, sketch: nil, problems: []
        ).observation
        #expect(observation.instances.map(\.id) == ["b"])
        #expect(observation.instances.map(\.condition) == [.draining])
    }
}
