import ModelManifests
import Serving
import TestSupport
import Testing

@Suite("A plan that only takes traffic away from a candidate")
struct ServingPlanRetreatTests {
    private static let stable = revision("1", weight: 75)
    private static let candidate = revision("2", weight: 25, mirror: 10)

    private static func revision(
        _ version: String, replicas: Int = 2, weight: Int, mirror: Int = 0, preview: Preview? = nil
    ) -> RevisionPlan {
        let template = ModelDeployment.example(version).template
        return RevisionPlan(
            revision: template.revision, template: template, replicas: replicas, weight: weight, mirror: mirror,
            preview: preview)
    }

    private static func plan(_ revisions: [RevisionPlan], port: Int? = nil) -> ServingPlan {
        ServingPlan(
            deployment: DeploymentKey(namespace: "test", name: "model"), endpoint: Endpoint(port: port),
            revisions: revisions)
    }

    private static let before = plan([stable, candidate])

    private func isWithdrawal(_ revisions: [RevisionPlan], from before: ServingPlan = before, port: Int? = nil) -> Bool
    {
        Self.plan(revisions, port: port).isWithdrawal(from: before, of: Self.candidate.revision)
    }

    @Test("is one if the candidate's weight or copies fall, or the candidate goes")
    func retreats() {
        #expect(isWithdrawal([Self.revision("1", weight: 100), Self.revision("2", weight: 0)]))
        #expect(isWithdrawal([Self.revision("1", weight: 95), Self.revision("2", weight: 5, mirror: 10)]))
        #expect(isWithdrawal([Self.revision("1", weight: 75), Self.revision("2", weight: 25)]))
        #expect(isWithdrawal([Self.revision("1", weight: 100), Self.revision("2", replicas: 1, weight: 0)]))
        #expect(isWithdrawal([Self.revision("1", weight: 100)]))
    }

    @Test("is one also if stable had no traffic, or no instances, and comes back")
    func fromAll() {
        let all = Self.plan([Self.revision("1", replicas: 0, weight: 0), Self.revision("2", weight: 100)])
        #expect(isWithdrawal([Self.revision("1", weight: 100), Self.revision("2", weight: 0)], from: all))
        #expect(isWithdrawal([Self.revision("1", weight: 0), Self.revision("2", weight: 0)], from: all))
    }

    @Test("is not one if nothing of the candidate's falls, or something rises")
    func advances() {
        #expect(!isWithdrawal([Self.stable, Self.candidate]))
        #expect(!isWithdrawal([Self.revision("1", weight: 50), Self.revision("2", weight: 50, mirror: 10)]))
        #expect(!isWithdrawal([Self.revision("1", weight: 95), Self.revision("2", weight: 5, mirror: 11)]))
        #expect(!isWithdrawal([Self.revision("1", weight: 70), Self.revision("2", weight: 30)]))
        #expect(!isWithdrawal([Self.revision("1", weight: 100), Self.revision("2", replicas: 3, weight: 0)]))
        #expect(
            !isWithdrawal([Self.revision("1", weight: 100), Self.revision("2", weight: 0, preview: Preview(port: 9))]))
    }

    @Test("is not one if another revision is started, shrinks, gets copies or goes, or the endpoint moves")
    func others() {
        let back = [Self.revision("1", weight: 100), Self.revision("2", weight: 0)]
        #expect(!isWithdrawal(back + [Self.revision("3", weight: 0)]))
        #expect(!isWithdrawal([Self.revision("1", weight: 100), Self.revision("3", weight: 0)]))
        #expect(!isWithdrawal([Self.revision("1", replicas: 1, weight: 100), Self.revision("2", weight: 0)]))
        #expect(!isWithdrawal([Self.revision("1", weight: 100, mirror: 5), Self.revision("2", weight: 0)]))
        #expect(!isWithdrawal([Self.revision("2", weight: 0)]))
        #expect(!isWithdrawal([]))
        #expect(!isWithdrawal(back, port: 9001))
    }

    @Test("is not one if the candidate was not in the plan before")
    func nothingToTake() {
        #expect(!isWithdrawal([Self.revision("1", weight: 100)], from: Self.plan([Self.revision("1", weight: 100)])))
    }

    @Test(
        "is one also if a candidate without traffic goes, loses an instance, or stops in favour of another revision"
    )
    func makingRoom() {
        let loading = Self.plan([Self.revision("1", weight: 100), Self.revision("2", weight: 0)])
        #expect(isWithdrawal([Self.revision("1", weight: 100)], from: loading))
        #expect(
            isWithdrawal([Self.revision("1", weight: 100), Self.revision("2", replicas: 1, weight: 0)], from: loading))
        let alone = Self.plan([Self.revision("1", replicas: 0, weight: 0), Self.revision("2", weight: 100)])
        let fewer = Self.revision("2", replicas: 1, weight: 100)
        #expect(isWithdrawal([Self.revision("1", replicas: 0, weight: 0), fewer], from: alone))
        #expect(isWithdrawal([Self.revision("1", replicas: 1, weight: 0), fewer], from: alone))
        #expect(
            isWithdrawal([Self.revision("1", replicas: 1, weight: 0), Self.revision("2", weight: 100)], from: alone))
        #expect(
            !isWithdrawal([Self.revision("1", replicas: 0, weight: 0), Self.revision("2", weight: 100)], from: alone))
    }

    @Test("if a decision also goes forward, the part that takes traffic from the candidate is a separate plan")
    func safePart() {
        func safePart(_ decided: [RevisionPlan], port: Int? = nil) -> ServingPlan? {
            Self.before.withdrawing(Self.candidate.revision, as: Self.plan(decided, port: port))
        }
        let out = Self.plan([Self.revision("1", weight: 100), Self.revision("2", weight: 0)])
        #expect(safePart([Self.revision("1", weight: 100), Self.revision("3", weight: 0)]) == out)
        #expect(safePart([Self.revision("1", weight: 100)], port: 9001) == out)
        #expect(safePart([Self.stable, Self.candidate], port: 9001) == nil)
        #expect(safePart([Self.revision("1", weight: 50), Self.revision("2", weight: 50, mirror: 10)]) == nil)
        #expect(safePart([Self.revision("2", weight: 100, mirror: 10)]) == nil)
    }
}
