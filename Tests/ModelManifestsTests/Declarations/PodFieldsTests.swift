import JSON
import Testing

@testable import ModelManifests

@Suite struct PodFieldsTests {
    @Test func `the pod fields are read`() throws {
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
            "serviceAccountName: 'My_Account' is not a DNS-1123 name: use at most 253 lower-case letters, digits, '-' and '.', "
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
            "tolerations[0].value: can only be used with operator: Equal (leave it out, or write operator: Equal)"
        ),
        (
            "tolerations: [{value: b}]",
            "tolerations[0].key: is missing (give the taint's key, or write operator: Exists)"
        ),
        (
            "tolerations: [{key: a, tolerationSeconds: 5}]",
            "tolerations[0].tolerationSeconds: can only be used with effect: NoExecute (leave it out, or write effect: NoExecute)"
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
            "podTemplate.metadata.labels.mlctl.dev/revision: is reserved: mlctl finds its pods by it (choose another name)"
        ),
        ("podTemplate: {spec: a}", "podTemplate.spec: must be a mapping, not 'a'"),
        ("podTemplate: {spec: {containers: {name: a}}}", "podTemplate.spec.containers: must be a list, not a mapping"),
        (
            "nodeSelector: {\"a b\": c}",
            "nodeSelector.a b: 'a b' is not a valid key in Kubernetes: use at most 63 letters, digits, '-', '_' and '.', "
                + "with a letter or digit at both ends; a domain and '/' can come before it (did you mean 'a-b'?)"
        ),
        (
            "nodeSelector: {pool: \"gpu a100!\"}",
            "nodeSelector.pool: 'gpu a100!' is not a valid label value in Kubernetes: use at most 63 letters, digits, '-', '_' "
                + "and '.', with a letter or digit at both ends (did you mean 'gpu-a100'?)"
        ),
        (
            "tolerations: [{key: a/b/c}]",
            "tolerations[0].key: 'a/b/c' is not a valid key in Kubernetes: use at most 63 letters, digits, '-', '_' and '.', "
                + "with a letter or digit at both ends; a domain and '/' can come before it (did you mean "
                + "'a-b-c'?)"
        ),
        (
            "tolerations: [{key: a, value: -b}]",
            "tolerations[0].value: '-b' is not a valid label value in Kubernetes: use at most 63 letters, digits, '-', '_' and '.', "
                + "with a letter or digit at both ends (did you mean 'b'?)"
        ),
        (
            "podTemplate: {metadata: {labels: {team: \"a b\"}}}",
            "podTemplate.metadata.labels.team: 'a b' is not a valid label value in Kubernetes: use at most 63 letters, digits, '-', '_' "
                + "and '.', with a letter or digit at both ends (did you mean 'a-b'?)"
        ),
        (
            "podTemplate: {metadata: {annotations: {\"-a\": b}}}",
            "podTemplate.metadata.annotations.-a: '-a' is not a valid key in Kubernetes: use at most 63 letters, digits, '-', '_' "
                + "and '.', with a letter or digit at both ends; a domain and '/' can come before it (did you "
                + "mean 'a'?)"
        ),
        (
            "podTemplate: {spec: {containers: [{name: logger}]}}",
            "podTemplate.spec.containers[0].image: is missing ('logger' is a new container and needs an image; mlctl's own "
                + "are companion, model)"
        ),
        (
            "podTemplate: {spec: {containers: [{name: modle}]}}",
            "podTemplate.spec.containers[0].image: is missing (did you mean the container 'model'? A new container needs an image)"
        ),
        (
            "podTemplate: {spec: {initContainers: [{name: setup}]}}",
            "podTemplate.spec.initContainers[0].image: is missing ('setup' is a new container and needs an image; mlctl's own "
                + "are fetch-model, storage-initializer, verify-model)"
        ),
        (
            "podTemplate: {spec: {containers: [{name: model}, {name: model}]}}",
            "podTemplate.spec.containers[1]: two containers are named 'model', the first on line 6"
        ),
        (
            "podTemplate: {spec: {containers: [{name: model, ports: [{name: metrics-and-traces, containerPort: 1}]}]}}",
            "podTemplate.spec.containers[0].ports[0].name: 'metrics-and-traces' is not a valid port name in Kubernetes: use "
                + "at most 15 lower-case letters, digits and '-', with a letter among them (choose another name)"
        ),
        (
            "podTemplate: {spec: {containers: [{name: model, ports: [{name: a, containerPort: 70000}]}]}}",
            "podTemplate.spec.containers[0].ports[0].containerPort: must be a port number from 1 to 65535"
        ),
        (
            "podTemplate: {spec: {containers: [{name: model, env: [{name: A, value: a}, {name: A, value: b}]}]}}",
            "podTemplate.spec.containers[0].env[1]: two variables are named 'A', the first on line 6"
        ),
        (
            "podTemplate: {spec: {containers: [{name: model, env: [{name: A, value: 1}]}]}}",
            "podTemplate.spec.containers[0].env[0].value: must be text, not '1' (put it in quotes: \"1\")"
        ),
        (
            "podTemplate: {spec: {containers: [{name: model, resources: {limits: {cpu: 2 cores}}}]}}",
            "podTemplate.spec.containers[0].resources.limits.cpu: '2 cores' is not a quantity (write it as 500m, 2, 1.5 or "
                + "4Gi)"
        ),
        (
            "podTemplate: {spec: {nodeSelector: {pool: \"a,b\"}}}",
            "podTemplate.spec.nodeSelector.pool: 'a,b' is not a valid label value in Kubernetes: use at most 63 letters, digits, '-', '_' "
                + "and '.', with a letter or digit at both ends (did you mean 'a-b'?)"
        ),
        (
            "ports: [{name: metrics-and-traces}]",
            "ports[0].name: 'metrics-and-traces' is not a valid port name in Kubernetes: use at most 15 lower-case letters, "
                + "digits and '-', with a letter among them, and no two '-' in a row (choose another name, such as http)"
        ),
        (
            "ports: [{name: http, containerPort: 80}, {name: grpc, containerPort: 80}]",
            "ports[1].containerPort: the ports 'http' and 'grpc' both use 80, and a server can listen on a port only once (give "
                + "each its own containerPort)"
        ),
        (
            "env: [{name: A, valueFrom: {secret: My_Secret}}]",
            "env[0].valueFrom.secret: 'My_Secret' is not a valid Secret name in Kubernetes: use lower-case letters, digits, "
                + "'-' and '.' (did you mean 'my-secret'?)"
        ),
        (
            "podTemplate: {spec: {containers: [{image: a}]}}",
            "podTemplate.spec.containers[0].name: is missing (give the name of one of mlctl's containers, or a new name)"
        ),
    ])
    func `errors are reported`(_ field: String, _ message: String) {
        let problems = Manifests.problems(Manifests.inCluster(runtime: "{image: a, \(field)}"))
        #expect(problems.count == 1)
        #expect(problems.first?.split(separator: " ", maxSplits: 1).last.map(String.init) == "spec.runtime." + message)
    }
}
