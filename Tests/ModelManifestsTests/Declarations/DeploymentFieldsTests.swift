import Foundation
import JSON
import Testing

@testable import ModelManifests

/// Invalid manifests and their errors. Each entry is a spec and the expected error with its path.
@Suite struct DeploymentFieldsTests {
    @Test(arguments: [("\\a", "0007"), ("\\n", "000A"), ("\\x1B[31m", "001B"), ("\\x85", "0085")])
    func `a version has no control characters`(_ version: (written: String, code: String)) {
        let text = """
            apiVersion: mlctl.dev/v1alpha1
            kind: ModelDeployment
            metadata: {name: a}
            spec:
              model: {version: "1\(version.written)"}
              runtime: {command: [serve]}
            """
        let file = ManifestReader.read(text, file: "a.yaml")
        #expect(
            file.diagnostics.map(\.message) == ["must not contain control characters, but has U+\(version.code)"])
        #expect(file.diagnostics.first?.path == "spec.model.version")
    }

    @Test(arguments: [
        ("replicas: -1", "spec.replicas: must be from 1 to 1000, not -1"),
        ("replicas: \"2\"", "spec.replicas: must be a whole number, not the text \"2\" (write it without quotes)"),
        ("replicas: 1.5", "spec.replicas: must be a whole number, not '1.5'"),
        ("replicas: 010", "spec.replicas: must be a whole number, not '010'"),
        (
            "replicas: external",
            "spec.replicas: 'external' can only be used in a cluster: on one machine only mlctl starts instances (write a number, or "
                + "target: {kind: kubernetes})"
        ),
        (
            "replicas: exernal",
            "spec.replicas: must be a whole number or 'external', not 'exernal' (did you mean 'external'?)"
        ),
        ("replicas: many", "spec.replicas: must be a whole number, not 'many'"),
        ("drain: 60s", "spec.drain: must be a mapping of fields, such as {timeout: …}, not '60s'"),
        ("drain: {timeout: 25h}", "spec.drain.timeout: must be at most 24h, not 25h"),
        (
            "drain: {streamTimout: 1m}",
            "spec.drain.streamTimout: unknown field 'streamTimout' (did you mean 'streamTimeout'?)"
        ),
        ("suspend: yes", "spec.suspend: must be true or false, not 'yes' (did you mean true, without quotes?)"),
        ("endpoint: {port: 70000}", "spec.endpoint.port: must be from 1 to 65535, not 70000"),
        ("endpoint: {requestTimeout: 60}", "spec.endpoint.requestTimeout: '60' has no unit (did you mean '60s'?)"),
        ("endpoint: {requestTimeout: 0s}", "spec.endpoint.requestTimeout: must be at least 1ms, not 0s"),
        ("endpoint: {maxConcurrency: 0}", "spec.endpoint.maxConcurrency: must be from 1 to 65535, not 0"),
        (
            "endpoint: {queue: {depth: 5}}",
            "spec.endpoint.queue: without maxConcurrency no request waits, so a queue has no effect (add maxConcurrency, or leave queue out)"
        ),
        (
            "endpoint: {maxConcurrency: 8, queue: {timeout: 0s}}",
            "spec.endpoint.queue.timeout: must be at least 1ms, not 0s"
        ),
        (
            "endpoint: {idempotent: \"yes\"}",
            "spec.endpoint.idempotent: must be true or false, not the text \"yes\" (did you mean true, without quotes?)"
        ),
        ("endpoint: 9000", "spec.endpoint: must be a mapping of fields, such as {port: …}, not '9000'"),
        ("traffic: {sticky: {}}", "spec.traffic.sticky: needs exactly one of 'header' or 'cookie'"),
        (
            "traffic: {sticky: {header: a, cookie: b}}",
            "spec.traffic.sticky: needs exactly one of 'header' or 'cookie', not 'header' and 'cookie'"
        ),
        ("traffic: {sticky: {header: \"x user\"}}", "spec.traffic.sticky.header: 'x user' is not the name of a header"),
        (
            "resources: {limits: {cpu: 0.0001}}",
            "spec.resources.limits.cpu: must be a whole number of thousandths of a core, at least 1m"
        ),
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
    func `errors in a spec are reported`(_ spec: String, _ message: String) {
        let problems = Manifests.problems(Manifests.deployment(spec: spec))
        #expect(problems.first?.split(separator: " ", maxSplits: 1).last.map(String.init) == message)
    }

    @Test(arguments: [
        ("{}", "spec.model: needs 'version' or 'storageUri'"),
        ("{version: true}", "spec.model.version: must be text, not the boolean true (put it in quotes: \"true\")"),
        ("{version: [1]}", "spec.model.version: must be text, not a list"),
        ("{version: \"\"}", "spec.model.version: must not be empty"),
        (
            "{storageUri: pvc://b/k}",
            "spec.model.storageUri: storageUri scheme 'pvc:' can only be used in a cluster; on one machine mlctl cannot fetch it (copy "
                + "the files and write file:, use one of https:, s3:, gs:, az:, hf:, oci:, models:, runs:, mlflow-artifacts:, or "
                + "write target: {kind: kubernetes})"
        ),
        (
            "{storageUri: s3://b/k}",
            "spec.model.storageUri: 'b' is not a name of a bucket (a bucket has 3 to 63 lower-case letters, digits, '-' "
                + "and '.')"
        ),
        (
            "{storageUri: 'hf://acme/fraud@a..b'}",
            "spec.model.storageUri: 'hf://acme/fraud@a..b' has no revision after its mark (write a branch, a tag or a commit)"
        ),
        (
            "{storageUri: 'hf://acme/fraud/x'}",
            "spec.model.storageUri: 'hf://acme/fraud/x' names no model (write it as hf://ORGANIZATION/MODEL@REVISION)"
        ),
        (
            "{storageUri: s3://models/a/../b}",
            "spec.model.storageUri: 's3://models/a/../b' names no object (write the path without '..', '.' and empty parts)"
        ),
        (
            "{storageUri: 's3://models/a?version=1'}",
            "spec.model.storageUri: 's3://models/a?version=1' has a query other than '?versionId=' (name the version of one "
                + "object, or none)"
        ),
        (
            "{storageUri: \"models:/fraud\"}",
            "spec.model.storageUri: 'models:/fraud' names neither a version nor an alias (write it as models:/NAME@ALIAS or "
                + "models:/NAME/VERSION)"
        ),
        (
            "{storageUri: \"runs:/a?b\"}",
            "spec.model.storageUri: 'runs:/a?b' has a query, which MLflow's addresses do not have (write it as runs:/RUN/PATH)"
        ),
        (
            "{storageUri: \"az://Account/c/x\"}",
            "spec.model.storageUri: 'Account' is not a name of an account (an account has 3 to 24 lower-case letters and digits)"
        ),
        (
            "{storageUri: http://h/x}",
            "spec.model.storageUri: storageUri scheme 'http:' is refused because it is not encrypted; use https:"
        ),
        (
            "{storageUri: ./models/v1}",
            "spec.model.storageUri: './models/v1' has no scheme (did you mean 'file:./models/v1'?)"
        ),
        (
            "{storageUri: htps://h/x}",
            "spec.model.storageUri: storageUri scheme 'htps:' is unknown (did you mean 'https:'?)"
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
    func `errors in a model are reported`(_ model: String, _ message: String) {
        let problems = Manifests.problems(Manifests.deployment(model: model))
        #expect(problems.first?.split(separator: " ", maxSplits: 1).last.map(String.init) == message)
        #expect(problems.count == 1)
    }

    @Test func `draining, scaling and the unavailability limit are read and have defaults`() throws {
        let plain = try Manifests.only(Manifests.inCluster())
        #expect(plain.scaling == .manifest)
        #expect(plain.endpoint.drain == Drain())
        #expect(plain.endpoint.drainTimeout == .seconds(60))
        #expect(plain.endpoint.drain.streamTimeout == .seconds(600))
        #expect(plain.rollout.unavailableAfter == .seconds(30))
        let spec = """
            replicas: external
            endpoint: {requestTimeout: 20s}
            drain: {timeout: 5s, streamTimeout: 1h}
            rollout: {unavailableAfter: 90s}
            """
        let own = try Manifests.only(Manifests.inCluster(spec: spec))
        #expect(own.scaling == .external)
        #expect(own.replicas == 1)
        #expect(own.endpoint.drainTimeout == .seconds(5))
        #expect(own.endpoint.drain.streamTimeout == .seconds(3600))
        #expect(own.rollout.unavailableAfter == .seconds(90))
        #expect(own.rollout.unavailabilityWindow == .seconds(180))
        #expect(own.template.revision == plain.template.revision)
        let following = try Manifests.only(Manifests.inCluster(spec: "endpoint: {requestTimeout: 20s}"))
        #expect(following.endpoint.drainTimeout == .seconds(20))
    }

    @Test(arguments: ["replicas: external", "replicas: 3", "drain: {timeout: 5s}", "rollout: {unavailableAfter: 1m}"])
    func `explicit values of them are printed as written`(_ spec: String) throws {
        let written = try #require(try Manifests.only(Manifests.inCluster(spec: spec)).written)
        let json = try JSONValue(parsing: Data(written.utf8))
        let expected = try JSONValue(parsing: Data(String(try Manifests.json(spec)).utf8))
        guard case .object(let members) = json, case .object(let own) = expected else {
            Issue.record("no object")
            return
        }
        for (name, value) in own { #expect(members[name] == value) }
    }

    @Test func `stored endpoints and rollouts of older controllers can still be read`() throws {
        let deployment = try Manifests.only(Manifests.full)
        let encoded = try JSONEncoder().encode(deployment)
        let old = try Manifests.removing(["drain", "unavailableAfter", "scaling"], from: encoded)
        #expect(old.count < encoded.count)
        #expect(try JSONDecoder().decode(ModelDeployment.self, from: old) == deployment)
    }

    @Test func `a version without quotes is text as written`() throws {
        #expect(try Manifests.only(Manifests.deployment(model: "{version: 1.10}")).template.model.version == "1.10")
    }

    @Test(arguments: [
        "file:models/v1", "file:///srv/models/v1", "https://example.com/m.bin",
    ])
    func `file and https URIs can be fetched`(_ uri: String) throws {
        let model = try Manifests.only(Manifests.deployment(model: "{version: a, storageUri: \(uri)}")).template.model
        #expect(model.storageURI == uri)
    }

    @Test func `the version falls back to the last part of the URI`() {
        #expect(StorageURI.lastPart(of: "file:models/v1/") == "v1")
        #expect(StorageURI.lastPart(of: "file:v1") == "v1")
        #expect(StorageURI.lastPart(of: "https://h/m.bin#a/b") == "m.bin")
    }
}
