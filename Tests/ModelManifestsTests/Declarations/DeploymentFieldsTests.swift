import Testing

@testable import ModelManifests

/// What is wrong with a manifest, and how it is said. Each entry is a spec, the place and path, and the words.
@Suite struct DeploymentFieldsTests {
    @Test(arguments: [
        ("replicas: -1", "spec.replicas: must be from 1 to 1000, not -1"),
        ("replicas: \"2\"", "spec.replicas: must be a whole number, not the text \"2\" (write it without quotes)"),
        ("replicas: 1.5", "spec.replicas: must be a whole number, not '1.5'"),
        ("replicas: 010", "spec.replicas: must be a whole number, not '010'"),
        ("suspend: yes", "spec.suspend: must be true or false, not 'yes' (did you mean true, without quotes?)"),
        ("endpoint: {port: 70000}", "spec.endpoint.port: must be from 1 to 65535, not 70000"),
        ("endpoint: {requestTimeout: 60}", "spec.endpoint.requestTimeout: '60' has no unit (did you mean '60s'?)"),
        ("endpoint: {requestTimeout: 0s}", "spec.endpoint.requestTimeout: must be at least 1ms, not 0s"),
        ("endpoint: 9000", "spec.endpoint: must be a mapping of fields, such as {port: …}, not '9000'"),
        ("traffic: {sticky: {}}", "spec.traffic.sticky: needs exactly one of 'header' or 'cookie'"),
        (
            "traffic: {sticky: {header: a, cookie: b}}",
            "spec.traffic.sticky: needs exactly one of 'header' or 'cookie', not 'header' and 'cookie'"
        ),
        ("traffic: {sticky: {header: \"x user\"}}", "spec.traffic.sticky.header: 'x user' is not a name of a header"),
        ("resources: {limits: {cpu: 0.0001}}", "spec.resources.limits.cpu: must be thousandths of a core, at least 1m"),
        (
            "resources: {limits: {memory: 4gi}}",
            "spec.resources.limits.memory: '4gi' is not a quantity (did you mean '4Gi'?)"
        ),
        (
            "resources: {limits: {memry: 4Gi}}",
            "spec.resources.limits.memry: unknown resource 'memry' (did you mean 'memory'?)"
        ),
        ("resources: {limits: {nvidia.com/gpu: 500m}}", "spec.resources.limits.nvidia.com/gpu: must be a whole number"),
        ("steps: []", "spec.steps: unknown field 'steps' (did you mean 'rollout.steps'?)"),
        ("sticky: {}", "spec.sticky: unknown field 'sticky' (did you mean 'traffic.sticky'?)"),
        ("dependsOn: [encoder]", "spec.dependsOn[0]: must be a mapping of fields, such as {name: …}, not 'encoder'"),
    ])
    func `what is wrong in a spec is said`(_ spec: String, _ message: String) {
        let problems = Manifests.problems(Manifests.deployment(spec: spec))
        #expect(problems.first?.split(separator: " ", maxSplits: 1).last.map(String.init) == message)
    }

    @Test(arguments: [
        ("{}", "spec.model: needs 'version' or 'storageUri'"),
        ("{version: true}", "spec.model.version: must be text, not the boolean true (put it in quotes: \"true\")"),
        ("{version: [1]}", "spec.model.version: must be text, not a list"),
        ("{version: \"\"}", "spec.model.version: must not be empty"),
        (
            "{storageUri: s3://b/k}",
            "spec.model.storageUri: storageUri scheme 's3:' is for clusters: nothing fetches it on this machine (copy the "
                + "files and write file:, put them at an https: address, or write target: {kind: kubernetes})"
        ),
        (
            "{storageUri: \"models:/fraud@champion\"}",
            "spec.model.storageUri: storageUri scheme 'models:' is not available in this version (use file:, https:, oci:, "
                + "pvc:, s3:, gs:, hf:)"
        ),
        (
            "{storageUri: http://h/x}",
            "spec.model.storageUri: storageUri scheme 'http:' is not encrypted and is refused; use https:"
        ),
        (
            "{storageUri: ./models/v1}",
            "spec.model.storageUri: './models/v1' has no scheme (did you mean 'file:./models/v1'?)"
        ),
        (
            "{storageUri: htps://h/x}",
            "spec.model.storageUri: storageUri scheme 'htps:' is not known (did you mean 'https:'?)"
        ),
        ("{storageUri: \"https:\"}", "spec.model.storageUri: 'https:' names no host (write it as https://HOST/PATH)"),
        (
            "{storageUri: \"file://\"}",
            "spec.model.storageUri: 'file://' names no file (write it as file:PATH or file:///PATH)"
        ),
        (
            "{storage_uri: x, version: 1}",
            "spec.model.storage_uri: unknown field 'storage_uri' (did you mean 'storageUri'?)"
        ),
    ])
    func `what is wrong in a model is said`(_ model: String, _ message: String) {
        let problems = Manifests.problems(Manifests.deployment(model: model))
        #expect(problems.first?.split(separator: " ", maxSplits: 1).last.map(String.init) == message)
        #expect(problems.count == 1)
    }

    @Test func `a version without quotes is text as written`() throws {
        #expect(try Manifests.only(Manifests.deployment(model: "{version: 1.10}")).template.model.version == "1.10")
    }

    @Test(arguments: [
        "file:models/v1", "file:///srv/models/v1", "https://example.com/m.bin",
    ])
    func `files and https can be fetched`(_ uri: String) throws {
        let model = try Manifests.only(Manifests.deployment(model: "{version: a, storageUri: \(uri)}")).template.model
        #expect(model.storageURI == uri)
    }

    @Test func `the version falls back to the last part of the URI`() {
        #expect(StorageURI.lastPart(of: "file:models/v1/") == "v1")
        #expect(StorageURI.lastPart(of: "file:v1") == "v1")
        #expect(StorageURI.lastPart(of: "https://h/m.bin#a/b") == "m.bin")
    }
}
