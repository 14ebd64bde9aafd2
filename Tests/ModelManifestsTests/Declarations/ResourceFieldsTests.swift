import Testing

@testable import ModelManifests

@Suite struct ResourceFieldsTests {
    @Test func `requests stand beside limits`() throws {
        let resources = try Manifests.only(
            Manifests.inCluster(
                spec: "resources: {requests: {cpu: 250m, memory: 1Gi, ephemeral-storage: 2Gi}, "
                    + "limits: {memory: 2Gi, nvidia.com/gpu: 1}}")
        ).template.resources
        #expect(
            resources
                == Resources(
                    memoryLimitBytes: 2 << 30, extended: ["nvidia.com/gpu": 1],
                    requests: ResourceAmounts(
                        cpuMillicores: 250, memoryBytes: 1 << 30, extended: ["ephemeral-storage": 2 << 30])))
    }

    @Test(arguments: [
        (
            "{requests: {cpu: 2}, limits: {cpu: 1}}",
            "requests.cpu: is more than its limit (raise the limit, or lower the request)"
        ),
        (
            "{requests: {nvidia.com/gpu: 1}, limits: {nvidia.com/gpu: 2}}",
            "requests.nvidia.com/gpu: must equal its limit: Kubernetes does not share devices (leave it out; the "
                + "limit is enough)"
        ),
        (
            "{requests: {memry: 1Gi}}",
            "requests.memry: unknown resource 'memry' (did you mean 'memory'?)"
        ),
        ("{request: {cpu: 1}}", "request: unknown field 'request' (did you mean 'requests'?)"),
        ("{requests: {cpu: 0.0001}}", "requests.cpu: must be a whole number of thousandths of a core, at least 1m"),
    ])
    func `errors are reported`(_ resources: String, _ message: String) {
        let problems = Manifests.problems(Manifests.inCluster(spec: "resources: \(resources)"))
        #expect(
            problems.first?.split(separator: " ", maxSplits: 1).last.map(String.init) == "spec.resources." + message)
    }
}
