import Testing

@testable import ModelManifests

@Suite struct PodFieldsTests {
    @Test func `what is asked of pods is read`() throws {
        let runtime = """

                image: server
                serviceAccountName: scorer
                imagePullSecrets: [one, {name: two}]
                nodeSelector: {pool: gpu}
                tolerations:
                - {key: nvidia.com/gpu, operator: Exists, effect: NoExecute, tolerationSeconds: 60}
                - {key: team, value: risk}
                podSecurity: baseline
                podTemplate:
                  metadata: {annotations: {a/b: "true"}}
                  spec:
                    priorityClassName: high
                    shareProcessNamespace: true
                    containers: [{name: model, resources: {limits: {x.io/a: 1}}, args: ["1", null, 0.5]}]
            """
        let pod = try Manifests.only(Manifests.inCluster(runtime: runtime)).template.runtime.pod
        let container: JSONValue = [
            "name": "model", "resources": ["limits": ["x.io/a": 1]], "args": ["1", .null, .number(0.5)],
        ]
        #expect(
            pod
                == PodSettings(
                    serviceAccountName: "scorer", imagePullSecrets: ["one", "two"], nodeSelector: ["pool": "gpu"],
                    tolerations: [
                        Toleration(
                            key: "nvidia.com/gpu", operator: "Exists", effect: "NoExecute", tolerationSeconds: 60),
                        Toleration(key: "team", value: "risk"),
                    ],
                    security: .baseline,
                    template: [
                        "metadata": ["annotations": ["a/b": "true"]],
                        "spec": [
                            "priorityClassName": "high", "shareProcessNamespace": true, "containers": [container],
                        ],
                    ]))
    }

    @Test func `a runtime may be shared by clusters and machines`() throws {
        let runtime = "{command: [server], image: server, nodeSelector: {pool: gpu}}"
        #expect(try Manifests.only(Manifests.deployment(runtime: runtime)).target == .local)
        #expect(try Manifests.only(Manifests.inCluster(runtime: runtime)).template.runtime.command == ["server"])
    }

    @Test(arguments: [
        (
            "serviceAccount: a",
            "serviceAccount: unknown field 'serviceAccount' (did you mean 'serviceAccountName'?)"
        ),
        (
            "serviceAccountName: My_Account",
            "serviceAccountName: 'My_Account' is not a DNS-1123 name: lower-case letters, digits, '-' and '.', at most 253, "
                + "with a letter or digit at both ends (did you mean 'my-account'?)"
        ),
        ("imagePullSecrets: [{nam: a}]", "imagePullSecrets[0].nam: unknown field 'nam' (did you mean 'name'?)"),
        ("imagePullSecrets: registry", "imagePullSecrets: must be a list, not 'registry'"),
        ("podSecurity: restrictd", "podSecurity: unknown level 'restrictd' (did you mean 'restricted'?)"),
        (
            "tolerations: [{key: a, effect: NoSchedul}]",
            "tolerations[0].effect: unknown effect 'NoSchedul' (did you mean 'NoSchedule'?)"
        ),
        (
            "tolerations: [{key: a, operator: Exists, value: b}]",
            "tolerations[0].value: goes with operator: Equal only (leave it out, or write operator: Equal)"
        ),
        ("tolerations: [{value: b}]", "tolerations[0].key: is missing (name the taint, or write operator: Exists)"),
        (
            "tolerations: [{key: a, tolerationSeconds: 5}]",
            "tolerations[0].tolerationSeconds: goes with effect: NoExecute only (leave it out, or write effect: NoExecute)"
        ),
        ("podTemplate: [a]", "podTemplate: must be a mapping, not a list"),
        (
            "podTemplate: {template: {spec: {}}}",
            "podTemplate.template: unknown field 'template' of a pod template (the fields here are: metadata, spec)"
        ),
        (
            "podTemplate: {metadata: {name: a}}",
            "podTemplate.metadata.name: unknown field 'name' of a pod's metadata (the fields here are: labels, annotations)"
        ),
        (
            "podTemplate: {metadata: {labels: {a: 1}}}",
            "podTemplate.metadata.labels.a: must be text, not '1' (put it in quotes: \"1\")"
        ),
        (
            "podTemplate: {metadata: {labels: {mlctl.dev/revision: a}}}",
            "podTemplate.metadata.labels.mlctl.dev/revision: is mlctl's own: pods are found by it (choose another name)"
        ),
        ("podTemplate: {spec: a}", "podTemplate.spec: must be a mapping, not 'a'"),
        ("podTemplate: {spec: {containers: {name: a}}}", "podTemplate.spec.containers: must be a list, not a mapping"),
        (
            "podTemplate: {spec: {containers: [{image: a}]}}",
            "podTemplate.spec.containers[0].name: is missing (name the container that this is laid over, or a new one)"
        ),
    ])
    func `what is wrong is said`(_ field: String, _ message: String) {
        let problems = Manifests.problems(Manifests.inCluster(runtime: "{image: a, \(field)}"))
        #expect(problems.count == 1)
        #expect(problems.first?.split(separator: " ", maxSplits: 1).last.map(String.init) == "spec.runtime." + message)
    }
}
