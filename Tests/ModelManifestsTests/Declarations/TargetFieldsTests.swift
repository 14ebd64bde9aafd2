import Foundation
import Testing

@testable import ModelManifests

@Suite struct TargetFieldsTests {
    private static let gates = "rollout: {gates: []}"

    @Test func `a Kubernetes target uses the proxy by default`() throws {
        let deployment = try Manifests.only(Manifests.inCluster())
        #expect(deployment.target == .kubernetes(KubernetesTarget()))
        #expect(deployment.template.runtime.image == "server")
        #expect(deployment.template.runtime.command == [])
        #expect(deployment.template.runtime.pod == nil)
    }

    @Test(arguments: [
        ("undo", DriftPolicy()), ("report", DriftPolicy(.report)), ("ignore", DriftPolicy(.ignore)),
        (
            #"{ignore: ["spec.template.spec.containers[*].env", "spec.ports[name=extra]"]}"#,
            DriftPolicy(
                .undo,
                ignoring: ["spec.template.spec.containers[*].env", "spec.ports[name=extra]"].compactMap {
                    ObjectFieldPath($0)
                })
        ),
        (
            #"{mode: report, ignore: [spec.paused]}"#,
            DriftPolicy(.report, ignoring: [ObjectFieldPath("spec.paused")].compactMap(\.self))
        ),
    ])
    func `foreign changes are reverted unless the target says otherwise; the setting changes no revision`(
        _ text: String, _ policy: DriftPolicy
    ) throws {
        let plain = try Manifests.only(Manifests.inCluster())
        let deployment = try Manifests.only(Manifests.inCluster("{kind: kubernetes, drift: \(text)}"))
        #expect(deployment.target == .kubernetes(KubernetesTarget(drift: policy)))
        #expect(deployment.template == plain.template)
        let encoded = try JSONEncoder().encode(deployment.target)
        #expect(try JSONDecoder().decode(Target.self, from: encoded) == deployment.target)
    }

    @Test func `a stored target without drift is read, and written unchanged`() throws {
        let before = #"{"kubernetes":{"_0":{"gateways":[],"hostnames":[],"router":"proxy"}}}"#
        let target = try JSONDecoder().decode(Target.self, from: Data(before.utf8))
        #expect(target == .kubernetes(KubernetesTarget()))
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        #expect(String(decoding: try encoder.encode(target), as: UTF8.self) == before)
    }

    @Test(arguments: ["gateways", "parentRefs"])
    func `gateways are named as in an HTTPRoute`(_ field: String) throws {
        let target = """
            {kind: kubernetes, cluster: prod, router: gatewayAPI, hostnames: [a.example.com, "*.b.com"], \(field): [
            {group: gateway.networking.k8s.io, kind: Gateway, name: public, namespace: infra, sectionName: https}]}
            """
        let deployment = try Manifests.only(
            Manifests.inCluster(target.replacing("\n", with: " "), spec: Self.gates))
        #expect(
            deployment.target
                == .kubernetes(
                    KubernetesTarget(
                        cluster: "prod", router: .gatewayAPI,
                        gateways: [GatewayReference(name: "public", namespace: "infra", sectionName: "https")],
                        hostnames: ["a.example.com", "*.b.com"])))
    }

    @Test(arguments: [
        ("{}", "7:11: spec.target.kind: is missing (local: this machine; kubernetes: a cluster.)"),
        ("{kind: kubernets}", "7:18: spec.target.kind: unknown target 'kubernets' (did you mean 'kubernetes'?)"),
        (
            "{kind: kubernetes, ruter: proxy}",
            "7:30: spec.target.ruter: unknown field 'ruter' (did you mean 'router'?)"
        ),
        (
            "{kind: kubernetes, router: gatewayApi}",
            "7:38: spec.target.router: unknown router 'gatewayApi' (did you mean 'gatewayAPI'?)"
        ),
        (
            "{kind: kubernetes, drift: undoo}",
            "7:37: spec.target.drift: unknown drift 'undoo' (did you mean 'undo'?)"
        ),
        (
            "{kind: kubernetes, drift: {ignore: [\"spec..a\"]}}",
            "7:47: spec.target.drift.ignore[0]: 'spec..a' is not a path of fields "
                + "(write it as spec.template.spec.containers[*].env; use [name=sidecar] for one element, [\"a.b/c\"] for a name with dots)"
        ),
        (
            "{kind: local, router: proxy}",
            "7:25: spec.target.router: can only be used with kind: kubernetes (leave it out, or write kind: kubernetes)"
        ),
        (
            "{kind: kubernetes, hostnames: [a.b]}",
            "7:30: spec.target.hostnames: can only be used with router: gatewayAPI (leave it out, or write router: gatewayAPI)"
        ),
        (
            "{kind: kubernetes, router: gatewayAPI}",
            "7:11: spec.target.gateways: is missing (give the Gateway of the route: gateways: [{name: …}])"
        ),
        (
            "{kind: kubernetes, router: gatewayAPI, gateways: [public]}",
            "7:61: spec.target.gateways[0]: must be a mapping of fields, such as {group: …}, not 'public'"
        ),
        (
            "{kind: kubernetes, router: gatewayAPI, gateways: [{name: a}], parentRefs: [{name: b}]}",
            "7:11: spec.target: can have only one of 'gateways' or 'parentRefs'"
        ),
        (
            "{kind: kubernetes, router: gatewayAPI, gateways: [{name: a, port: 80}]}",
            "7:77: spec.target.gateways[0].port: 'port' is not available in this version; name the listener by sectionName"
        ),
        (
            "{kind: kubernetes, router: gatewayAPI, gateways: [{name: a}], hostnames: [\"https://a.b\"]}",
            "7:85: spec.target.hostnames[0]: 'https://a.b' is not a host name "
                + "(write it as models.example.com or *.example.com, without scheme and port)"
        ),
    ])
    func `errors in a target are reported`(_ target: String, _ message: String) {
        #expect(Manifests.problems(Manifests.inCluster(target, spec: Self.gates)).first == message)
    }

    @Test(arguments: [
        (
            "{args: [a]}",
            "6:12: spec.runtime: has no image, which a cluster needs to start it (add 'image', or the 'name' of a "
                + "ServingRuntime or preset that has one (mlserver, vllm))"
        ),
        (
            "{name: bentoml}",
            "6:12: spec.runtime: has no image, which a cluster needs to start it (add an image beside name: bentoml)"
        ),
    ])
    func `a cluster needs an image`(_ runtime: String, _ message: String) {
        #expect(Manifests.problems(Manifests.inCluster(runtime: runtime)) == [message])
    }

    @Test(arguments: [
        "https://h/m.tar", "oci://r.io/models/a:7", "pvc://models", "pvc://models/a/7", "s3://bucket/a",
        "gs://bucket/a", "az://account/container/a",
        "hf://org/model", "models:/fraud@champion", "models:/fraud/7", "models:/m-0a1b", "runs:/0a1b/model",
        "mlflow-artifacts:/0/0a1b/artifacts/model",
    ])
    func `a cluster accepts these model URIs`(_ uri: String) throws {
        let text = Manifests.inCluster(model: "{storageUri: \"\(uri)\"}")
        #expect(try Manifests.only(text).template.model.storageURI == uri)
    }

    @Test(arguments: [
        (
            "file:///models/a",
            "'file:' names files on the controller's machine, which pods cannot read (put the files on a volume "
                + "(pvc://CLAIM/PATH), in a bucket (s3:, gs:, az:), in an image (oci:), in MLflow (models:) or at an https: address)"
        ),
        ("s3:bucket/a", "'s3:bucket/a' names no bucket (write it as s3://BUCKET/PATH)"),
        ("gs://bucket", "'gs://bucket' names no model (write it as gs://BUCKET/PATH)"),
        ("hf://model", "'hf://model' names no model (write it as hf://ORGANIZATION/MODEL)"),
        ("oci://r.io/", "'oci://r.io/' names no model (write it as oci://REGISTRY/REPOSITORY:TAG)"),
        ("pvc:///a", "'pvc:///a' names no claim (write it as pvc://CLAIM/PATH)"),
        ("pvc://My_Claim/a", "'My_Claim' is not the name of a claim (write it as pvc://CLAIM/PATH)"),
        ("pvc://claim/../a", "'pvc://claim/../a' is outside the volume (write a path without '..')"),
        ("s4://bucket/a", "storageUri scheme 's4:' is unknown (did you mean 's3:'?)"),
    ])
    func `model URIs that a cluster cannot fetch are refused`(_ uri: String, _ message: String) {
        let problems = Manifests.problems(Manifests.inCluster(model: "{storageUri: \"\(uri)\"}"))
        #expect(problems == ["5:23: spec.model.storageUri: " + message])
    }
}
