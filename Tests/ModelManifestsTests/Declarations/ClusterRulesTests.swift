import Testing

@testable import ModelManifests

/// The API server's rules for names, labels and annotations.
@Suite struct ClusterRulesTests {
    private func manifest(metadata: String, target: String = "kubernetes") -> String {
        """
        apiVersion: mlctl.dev/v1alpha1
        kind: ModelDeployment
        metadata: {\(metadata)}
        spec:
          model: {version: "1"}
          runtime: {image: server, command: [server]}
          target: {kind: \(target)}
        """
    }

    private static let key =
        "is not a valid key in Kubernetes: use at most 63 letters, digits, '-', '_' and '.', with a letter or digit "
        + "at both ends; a domain and '/' can come before it"
    private static let value =
        "is not a valid label value in Kubernetes: use at most 63 letters, digits, '-', '_' and '.', with a letter or digit "
        + "at both ends"

    @Test(arguments: [
        (
            "name: mlctl-proxy",
            "name: 'mlctl-proxy' is reserved for mlctl's own objects in every namespace (choose another name)"
        ),
        (
            "name: mlctl-proxy-key",
            "name: 'mlctl-proxy-key' is reserved for mlctl's own objects in every namespace (choose another name)"
        ),
        (
            "name: 2fast",
            "name: '2fast' begins with a digit, but the name of its Service must begin with a letter (did you mean 'm-2fast'?)"
        ),
        (
            "name: a, labels: {team: \"risk & fraud\"}",
            "labels.team: 'risk & fraud' \(value) (did you mean 'risk---fraud'?)"
        ),
        (
            "name: a, labels: {team: \"é\"}",
            "labels.team: 'é' \(value) (write it as an annotation, which can contain any text)"
        ),
        ("name: a, labels: {a/b/c: d}", "labels.a/b/c: 'a/b/c' \(key) (did you mean 'a-b-c'?)"),
        ("name: a, labels: {\"A.com/b\": d}", "labels.A.com/b: 'A.com/b' \(key) (did you mean 'A.com-b'?)"),
        (
            "name: a, annotations: {\"the owner\": \"any text\"}",
            "annotations.the owner: 'the owner' \(key) (did you mean 'the-owner'?)"
        ),
    ])
    func `metadata that the API server refuses is refused with its place`(_ metadata: String, _ message: String) {
        let problems = Manifests.problems(manifest(metadata: metadata))
        #expect(problems.count == 1)
        #expect(problems.first?.hasPrefix("3:") == true)
        #expect(
            problems.first?.split(separator: " ", maxSplits: 1).last.map(String.init) == "metadata." + message)
        #expect(Manifests.problems(manifest(metadata: metadata, target: "local")) == [])
    }

    @Test(arguments: [
        "name: a, labels: {team: risk, mlops.example.com/tier: \"1\", empty: \"\"}",
        "name: a, annotations: {example.com/note: \"any text: at all\", plain: x}",
        "name: mlctl-proxy-2, namespace: 1a",
    ])
    func `metadata that the API server accepts is accepted`(_ metadata: String) {
        #expect(Manifests.problems(manifest(metadata: metadata)) == [])
    }

    @Test func `a label's value has at most 63 characters`() {
        let long = String(repeating: "a", count: 64)
        #expect(Manifests.problems(manifest(metadata: "name: a, labels: {team: \(long.dropLast())}")) == [])
        #expect(Manifests.problems(manifest(metadata: "name: a, labels: {team: \(long)}")).count == 1)
        #expect(Manifests.problems(manifest(metadata: "name: a, labels: {\(long): a}")).count == 1)
    }

    @Test func `a deployment cannot have the name of a revision of another`() {
        func deployment(_ name: String, target: String = "kubernetes", namespace: String = "default") -> String {
            manifest(metadata: "name: \(name), namespace: \(namespace)", target: target)
        }
        let state = Manifests.resolve(deployment("fraud"), deployment("fraud-0123456789"))
        #expect(state.deployments.keys.map(\.name) == ["fraud"])
        #expect(
            state.diagnostics.map(\.description) == [
                "1.yaml:3:18: metadata.name: 'fraud-0123456789' is a name that objects of a revision of default/fraud can have "
                    + "(choose a name that does not end like a revision)"
            ])
        let free = [
            [deployment("fraud", target: "local"), deployment("fraud-0123456789")],
            [deployment("fraud", namespace: "a"), deployment("fraud-0123456789", namespace: "b")],
            [deployment("fraud"), deployment("fraud-012345678")],
            [deployment("fraud"), deployment("fraud-012345678g")],
            [deployment("fraud-0123456789")],
        ]
        for texts in free {
            let files = texts.enumerated().map { ManifestReader.read($1, file: "\($0).yaml") }
            #expect(DesiredState.resolve(files: files).diagnostics == [])
        }
    }

    @Test func `shortened names are recognized too`() {
        let long = "a" + String(repeating: "b", count: 60)
        let base = String(RevisionNames.base(ofDeployment: long))
        #expect(base.utf8.count == 52)
        let state = Manifests.resolve(
            manifest(metadata: "name: \(long)"), manifest(metadata: "name: \(base)-0123456789"))
        #expect(state.invalid.map(\.name) == ["\(base)-0123456789"])
    }

    @Test(arguments: [
        ("A", true), ("_a.b-c", true), ("1A", false), (".", false), ("..a", false), (".a", true), ("", false),
        ("a=b", false),
    ])
    func `variable names follow the rules of Kubernetes`(_ name: String, _ isName: Bool) {
        #expect(NameRules.isEnvironmentName(name) == isName)
    }

    @Test(arguments: [
        ("http", true), ("h2c-grpc", true), ("1a", true), ("80", false), ("8-0", false), ("a--b", false), ("-a", false),
        ("abcdefghijklmno", true), ("abcdefghijklmnop", false), ("Http", false),
    ])
    func `port names follow the rules of Kubernetes`(_ name: String, _ isName: Bool) {
        #expect(NameRules.isPortName(name) == isName)
    }
}
