import ModelManifests
import Testing

@Suite("Limits of a whole project")
struct ProjectLimitsTests {
    private func demand(_ replicas: Int, cpu: Int = 0) -> ProjectDemand {
        var demand = ProjectDemand(replicas: replicas, of: Resources(cpuLimitMillicores: cpu))
        demand.deployments = 1
        return demand
    }

    private func claim(_ name: String, inUse: ProjectDemand = ProjectDemand(), wanted: ProjectDemand?)
        -> ProjectQuota.Claim
    {
        ProjectQuota.Claim(deployment: DeploymentKey(name: name), inUse: inUse, wanted: wanted)
    }

    private func refused(_ claims: [ProjectQuota.Claim], _ limits: ProjectLimits) -> [String] {
        ProjectQuota(claims, within: limits).refusals.keys.map(\.name).sorted()
    }

    @Test("existing deployments come before new ones, and new ones by name")
    func order() {
        let limits = ProjectLimits(replicas: 4)
        #expect(refused([claim("b", wanted: demand(2)), claim("a", wanted: demand(3))], limits) == ["b"])
        #expect(
            refused([claim("a", wanted: demand(3)), claim("z", inUse: demand(2), wanted: demand(4))], limits) == ["a"])
    }

    @Test("a deployment that asks for no more than it has is never refused, whatever the limit")
    func lowered() {
        let limits = ProjectLimits(deployments: 1, replicas: 2)
        let claims = [
            claim("a", inUse: demand(3), wanted: demand(3)), claim("b", inUse: demand(3), wanted: demand(1)),
            claim("c", inUse: demand(1), wanted: demand(2)),
        ]
        #expect(refused(claims, limits) == ["c"])
    }

    @Test("an exceeded limit refuses only deployments that add to it")
    func otherLimits() {
        let limits = ProjectLimits(replicas: 2, resources: ResourceAmounts(cpuMillicores: 100_000))
        let more = claim("b", inUse: demand(2, cpu: 1000), wanted: demand(2, cpu: 2000))
        #expect(refused([claim("a", inUse: demand(3), wanted: nil), more], limits) == [])
    }

    @Test("a candidate counts beside the serving revision, and so do draining instances")
    func onItsWay() {
        let limits = ProjectLimits(replicas: 5)
        #expect(
            refused(
                [claim("a", inUse: demand(2), wanted: demand(4)), claim("b", inUse: demand(2), wanted: nil)], limits)
                == ["a"])
        #expect(
            refused(
                [claim("a", inUse: demand(2), wanted: demand(4)), claim("b", inUse: demand(1), wanted: nil)], limits)
                == [])
    }

    @Test("amounts that overflow count as the largest amount")
    func overflow() {
        let huge = ProjectDemand(replicas: .max, of: Resources(cpuLimitMillicores: .max, memoryLimitBytes: .max))
        #expect((huge + huge).memoryBytes == .max)
        let limits = ProjectLimits(resources: ResourceAmounts(memoryBytes: 1 << 30))
        #expect(refused([claim("a", wanted: huge)], limits) == ["a"])
    }

    @Test("no limits, no refusals")
    func unlimited() {
        #expect(refused([claim("a", wanted: demand(1_000_000))], ProjectLimits()) == [])
    }

    @Test("exceeded amounts are printed in readable units")
    func words() {
        let limits = ProjectLimits(
            resources: ResourceAmounts(cpuMillicores: 1500, memoryBytes: 1 << 30, extended: ["nvidia.com/gpu": 1]))
        let demand = ProjectDemand(
            replicas: 2,
            of: Resources(cpuLimitMillicores: 1000, memoryLimitBytes: 3 << 29, extended: ["nvidia.com/gpu": 1]))
        let quota = ProjectQuota([claim("a", wanted: demand)], within: limits)
        #expect(
            quota.refusals[DeploymentKey(name: "a")] == [
                "cpu: 2 of 1500m", "memory: 3Gi of 1Gi", "nvidia.com/gpu: 2 of 1",
            ])
    }
}
