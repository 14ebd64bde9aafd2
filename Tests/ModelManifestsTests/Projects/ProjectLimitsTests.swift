import ModelManifests
import Testing

@Suite("What a project may have in all")
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

    @Test("what is there already goes before what is new, and new ones come by name")
    func order() {
        let limits = ProjectLimits(replicas: 4)
        #expect(refused([claim("b", wanted: demand(2)), claim("a", wanted: demand(3))], limits) == ["b"])
        #expect(
            refused([claim("a", wanted: demand(3)), claim("z", inUse: demand(2), wanted: demand(4))], limits) == ["a"])
    }

    @Test("whoever asks for no more than it has is never refused, whatever the limit says")
    func lowered() {
        let limits = ProjectLimits(deployments: 1, replicas: 2)
        let claims = [
            claim("a", inUse: demand(3), wanted: demand(3)), claim("b", inUse: demand(3), wanted: demand(1)),
            claim("c", inUse: demand(1), wanted: demand(2)),
        ]
        #expect(refused(claims, limits) == ["c"])
    }

    @Test("a limit that is passed holds nobody who does not add to it")
    func otherLimits() {
        let limits = ProjectLimits(replicas: 2, resources: ResourceAmounts(cpuMillicores: 100_000))
        let more = claim("b", inUse: demand(2, cpu: 1000), wanted: demand(2, cpu: 2000))
        #expect(refused([claim("a", inUse: demand(3), wanted: nil), more], limits) == [])
    }

    @Test("what a rollout needs beside what serves is counted, and so is what is on its way out")
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

    @Test("amounts that do not fit into a number are as much as there is")
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

    @Test("what is over is said as people write it")
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
