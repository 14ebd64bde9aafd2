import ModelManifests
import Testing

/// Gates on the cost of a version, and where they are accepted.
@Suite struct CostFieldsTests {
    private func problems(_ gate: String) -> [String] {
        Manifests.problems(Manifests.deployment(spec: "rollout: {gates: [{name: c, compare: \(gate)}]}"))
    }

    private func kind(_ gate: String) throws -> GateSpec.Kind? {
        try Manifests.only(Manifests.deployment(spec: "rollout: {gates: [{name: c, compare: \(gate)}]}")).rollout.gates
            .first?.kind
    }

    @Test func `cost metrics of compare are read with their defaults and with explicit values`() throws {
        #expect(try kind("{metric: cpuPerRequest}") == .cost(CostGate(.cpuPerRequest, maxRelativeIncrease: 0.25)))
        #expect(try kind("{metric: memory}") == .cost(CostGate(.memory, interval: .seconds(10))))
        #expect(
            try kind("{metric: leak, maxPerHour: 50Mi, initialDelay: 2m, minSamples: 9}")
                == .cost(CostGate(.leak, maxBytesPerHour: 50 << 20, initialDelay: .seconds(120), minSamples: 9)))
        #expect(
            try kind("{metric: cpuPerRequest, maxRelativeIncrease: 0.5, interval: 1s, failureLimit: 2}")
                == .cost(CostGate(.cpuPerRequest, maxRelativeIncrease: 0.5, interval: .seconds(1), failureLimit: 2)))
        #expect(try kind("{metric: errors}") == .compare(CompareGate(metric: .errors)))
    }

    @Test func `no cost gate exists by default, and none takes a share of the promised error rate`() throws {
        let gates = try Manifests.only(Manifests.deployment(spec: "replicas: 1")).rollout.gates
        let costs = gates.filter(\.isOfCost)
        #expect(costs == [])
        #expect(!GateSpec(name: "c", kind: .cost(CostGate(.memory))).isComparing)
    }

    @Test func `fields without a meaning for a metric are refused, with their place`() {
        let cases = [
            ("{metric: leak, maxRelativeIncrease: 0.2}", "maxPerHour: 100Mi"),
            ("{metric: memory, maxPerHour: 1Gi}", "can only be used with metric leak"),
            ("{metric: leak, failureLimit: 2}", "can only be used with metrics cpuPerRequest, memory"),
            ("{metric: errors, interval: 5s}", "can only be used with metrics cpuPerRequest, memory, leak"),
            (
                "{ratio: {of: a, per: b}, initialDelay: 5s}",
                "can only be used with metrics cpuPerRequest, memory, leak"
            ),
            ("{metric: memory, passMargin: {relative: 1}}", "cannot be used with metric 'memory'"),
            ("{metric: memory, source: server}", "cannot be used with metric 'memory'"),
            ("{metric: cpuPerRequest, maxAbsoluteIncrease: 0.1}", "the tolerance of a cost is relative"),
            ("{metric: cpuPerRequest, slowerThan: 1s}", "can only be used with metric 'slow'"),
            ("{metric: cpuPerRequests}", "cpuPerRequest"),
            ("{metric: leak, maxPerHour: 1.5}", "whole bytes"),
        ]
        for (gate, words) in cases {
            let found = problems(gate)
            #expect(found.count == 1 && found.first?.contains(words) == true, "\(gate): \(found)")
        }
    }

    @Test func `in a cluster processes are not measured: the gate is refused with an alternative, also in templates`() {
        func found(_ gate: String) -> [String] {
            Manifests.problems(
                Manifests.inCluster(spec: "rollout: {gates: [{name: c, compare: {metric: \(gate)}}]}"))
        }
        let cpu = found("cpuPerRequest")
        #expect(cpu.count == 1, "\(cpu)")
        #expect(cpu.first?.contains("on one machine only, not in a cluster") == true)
        #expect(cpu.first?.contains("container_cpu_usage_seconds_total") == true)
        #expect(found("leak").first?.contains("container_memory_working_set_bytes") == true)
        let templated = Manifests.resolve(
            Manifests.inCluster(spec: "rollout: {gates: [{template: lean}]}"),
            Manifests.gateTemplate("lean", spec: "{compare: {metric: memory}}")
        ).diagnostics.map(\.description)
        #expect(templated.count == 1 && templated.first?.contains("not in a cluster") == true, "\(templated)")
    }

    @Test func `cost gates are refused where no stable revision runs beside the candidate`() {
        let found = Manifests.problems(
            Manifests.deployment(spec: "rollout: {strategy: recreate, gates: [{name: c, compare: {metric: memory}}]}"))
        #expect(found.count == 1 && found.first?.contains("with strategy: recreate none runs") == true, "\(found)")
    }

    @Test func `a share of self-checks is between 0 and 1`() throws {
        func share(_ text: String) throws -> Double {
            try Manifests.only(Manifests.deployment(spec: "rollout: {\(text)}")).rollout.selfCheckShare
        }
        #expect(try share("strategy: canary") == 0.25)
        #expect(try share("selfCheckShare: 0") == 0)
        #expect(Manifests.problems(Manifests.deployment(spec: "rollout: {selfCheckShare: 2}")).count == 1)
    }
}
