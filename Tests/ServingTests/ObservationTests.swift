import ModelManifests
import Serving
import Testing

@Suite("Observations and plans")
struct ObservationTests {
    private let one = Revision(rawValue: "1111111111")
    private let two = Revision(rawValue: "2222222222")

    @Test("only instances that are ready, and of the revision, count as ready")
    func ready() {
        let observed = Observation(instances: [
            InstanceObservation(id: "a", revision: one, condition: .ready),
            InstanceObservation(id: "b", revision: one, condition: .unready),
            InstanceObservation(id: "c", revision: one, condition: .draining),
            InstanceObservation(id: "d", revision: two, condition: .ready),
        ])
        #expect(observed.ready(one) == 1)
        #expect(observed.ready(two) == 1)
    }

    @Test("a plan is open if a revision has a share")
    func open() {
        let template = ServingTemplate(
            model: ModelSource(version: "1"), runtime: Runtime(command: ["serve"]), resources: Resources(),
            canonical: "{}")
        var plan = ServingPlan(
            deployment: DeploymentKey(name: "m"),
            revisions: [RevisionPlan(revision: one, template: template, replicas: 1, weight: 0)])
        #expect(!plan.isOpen)
        plan.revisions[0].weight = 100
        #expect(plan.isOpen)
    }
}
