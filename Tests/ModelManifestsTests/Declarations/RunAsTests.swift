import Testing

@testable import ModelManifests

struct RunAsTests {
    private func template(_ runtime: String) throws -> ServingTemplate {
        try Manifests.only(Manifests.deployment(runtime: runtime)).template
    }

    @Test("changes the revision where it is set, and leaves all other revisions as they were")
    func revision() throws {
        let plain = try template("{command: [serve]}")
        #expect(plain.runtime.runAs == nil)
        #expect(plain.canonical == #"{"model":{"version":"1"},"runtime":{"command":["serve"]}}"#)
        let other = try template("{command: [serve], runAs: {user: models}}")
        #expect(other.runtime.runAs == RunAs(user: "models"))
        #expect(other.revision != plain.revision)
        #expect(try template("{command: [serve], runAs: {user: 1000}}").runtime.runAs == RunAs(user: "1000"))
        #expect(try template("{name: mlserver, runAs: {user: models}}").runtime.runAs == RunAs(user: "models"))
    }

    @Test(
        "accepts a user name or number, and refuses anything else",
        arguments: ["\"\"", "\"-x\"", "\"a b\"", "\"Root\"", "\"a/b\"", "\"é\"", "\"root\\u0301\"", "1.5", "-1", "[a]"])
    func refused(user: String) {
        #expect(
            !Manifests.resolve(Manifests.deployment(runtime: "{command: [serve], runAs: {user: \(user)}}")).diagnostics
                .isEmpty)
    }

    @Test("is refused in a cluster, and the error names the pod's own field")
    func cluster() {
        let problems = Manifests.resolve(
            Manifests.inCluster(runtime: "{image: i, runAs: {user: models}}")
        ).diagnostics
        #expect(problems.map(\.suggestion) == ["write podTemplate: {spec: {securityContext: {runAsUser: 1000}}}"])
    }
}
