import Foundation
import JSON
import KubernetesClient
import ModelManifests
import Rollouts

/// Renders a check gate as a Job: one pod, once, at the level `restricted`, with the candidate's files. Pure.
///
/// The pod runs in the check's own image, or in that of the candidate's server. `valueFrom: {secret: NAME}` reads the key
/// `value` of the Secret NAME in the deployment's namespace, as for a server; the controller does not read it.
struct CheckJobRendering: Sendable {
    static let container = "check"
    /// From the creation of the Job to the start of the check. Images are pulled, files fetched and nodes added meanwhile.
    static let startLimit = Duration.seconds(600)
    /// How long a finished Job stays if no controller deletes it.
    static let keptSeconds = 3600
    private static let graceSeconds = 10

    let inquiry: Inquiry
    let gate: CheckGate
    let settings: ClusterServingSettings

    private var deployment: DeploymentKey { inquiry.deployment }

    /// The same name for the same run of the same command on the same candidate, even after a restart of the controller.
    static func name(of inquiry: Inquiry) -> String {
        var run = inquiry.id
        if case .check(let gate) = inquiry.question { run += " " + AnnotationJSON.text(gate) }
        // A retry asks its questions again, so it gets a new name.
        run += " \(Int((inquiry.since?.timeIntervalSince1970 ?? 0).rounded(.down)))"
        return ObjectNames.check(inquiry.deployment, inquiry.candidate.revision, run: run)
    }

    /// - Throws: `ClusterServingError`, terminal: there is no image, or the candidate's files cannot be fetched in a cluster.
    func job(owner: OwnerReference?) throws -> CheckJob {
        let name = Self.name(of: inquiry)
        guard let template = inquiry.candidate.template, let image = gate.image ?? template.runtime.image else {
            throw ClusterServingError(
                .invalidPlan, "the check has no image to run in. Write `check.image`, or `runtime.image`.")
        }
        let podSpec = try podSpec(template, image)
        let podTemplate: JSONValue = [
            "metadata": ["labels": .strings(ObjectLabels.ofCheckPods(name))], "spec": podSpec,
        ]
        let spec: JSONValue = [
            // Once, without a second pod: the gate decides whether and when the check runs again.
            "backoffLimit": 0, "completions": 1, "parallelism": 1, "podReplacementPolicy": "Failed",
            "activeDeadlineSeconds": .integer(deadlineSeconds),
            "ttlSecondsAfterFinished": .integer(Self.keptSeconds), "template": podTemplate,
        ]
        let metadata = JSONValue.fields([
            "name": .string(name), "namespace": .string(deployment.namespace), "labels": .strings(labels),
            "annotations": .strings([ObjectAnnotations.gate: gateName]),
            "ownerReferences": owner.map { [Self.reference($0)] },
        ])
        return CheckJob(
            key: NamespacedName(namespace: deployment.namespace, name: name), gate: gateName, deployment: deployment,
            body: [
                "apiVersion": .string(ResourceType.jobs.apiVersion), "kind": .string(ResourceType.jobs.kind),
                "metadata": metadata, "spec": spec,
            ])
    }

    /// Ends the Job if no controller is there to do it. The gate's own time begins with the check.
    private var deadlineSeconds: Int {
        let longest = Int(Int32.max) - ProbeRendering.seconds(Self.startLimit)
        return min(ProbeRendering.seconds(gate.timeout), longest) + ProbeRendering.seconds(Self.startLimit)
    }

    /// `gate:NAME/ordinal` without the part that changes from run to run.
    private var gateName: String {
        String(inquiry.id.prefix(upTo: inquiry.id.lastIndex(of: "/") ?? inquiry.id.endIndex))
    }

    private var labels: [String: String] {
        ObjectLabels.of(deployment, revision: inquiry.candidate.revision)
            .merging([ObjectLabels.component: ObjectLabels.Component.check.rawValue]) { $1 }
    }

    /// Deleting the ModelDeployment deletes its checks. The reference does not block the deletion: that would need another right.
    private static func reference(_ owner: OwnerReference) -> JSONValue {
        [
            "apiVersion": .string(owner.apiVersion), "kind": .string(owner.kind), "name": .string(owner.name),
            "uid": .string(owner.uid), "controller": true,
        ]
    }

    // MARK: - The pod

    private func podSpec(_ template: ServingTemplate, _ image: String) throws -> JSONValue {
        let pod = template.runtime.pod ?? PodSettings()
        let files =
            try ModelFilesRendering.files(of: template.model, security: .restricted, settings: settings)
            ?? Self.emptyFolder
        return .fields([
            "restartPolicy": "Never", "automountServiceAccountToken": false, "enableServiceLinks": false,
            "terminationGracePeriodSeconds": .integer(Self.graceSeconds),
            "serviceAccountName": pod.serviceAccountName.map(JSONValue.string),
            "imagePullSecrets": .array(pod.imagePullSecrets.map { ["name": .string($0)] }),
            "nodeSelector": .strings(pod.nodeSelector),
            "tolerations": .array(pod.tolerations.map(PodRendering.toleration)),
            "securityContext": PodSecurityRendering.pod(.restricted)?.merging(Self.users(of: pod)),
            "initContainers": .array(files.initContainers),
            "containers": [container(image, files, template.resources)],
            "volumes": [files.volume],
        ])
    }

    private func container(_ image: String, _ files: ModelFilesRendering, _ resources: Resources) -> JSONValue {
        .fields([
            "name": .string(Self.container), "image": .string(image),
            "command": .array(gate.command.map(JSONValue.string)),
            "workingDir": .string(ModelFilesRendering.folder), "env": .array(environment),
            "resources": ResourceRendering.resources(CheckGate.resources(beside: resources)),
            "securityContext": PodSecurityRendering.container(.restricted), "volumeMounts": [files.mount],
            "terminationMessagePolicy": ModelFilesRendering.logTail,
        ])
    }

    /// For a server that brings its own files.
    private static let emptyFolder = ModelFilesRendering(
        volume: .object(["name": .string(ModelFilesRendering.volumeName), "emptyDir": .object([:])]),
        mount: ["name": .string(ModelFilesRendering.volumeName), "mountPath": .string(ModelFilesRendering.folder)])

    /// The users and groups that the manifest's template gives the pods: an image without a user needs them. Root is left out,
    /// because `restricted` forbids it.
    private static func users(of pod: PodSettings) -> [String: JSONValue] {
        let context = pod.template?["spec"]?["securityContext"]?.members ?? [:]
        return context.filter { name, value in
            switch name {
            case "runAsUser": value.whole.map { $0 > 0 } ?? false
            case "runAsGroup", "fsGroup", "supplementalGroups": true
            default: false
            }
        }
    }

    // MARK: - Its environment

    /// The addresses are those of Services: pods come and go while a check runs.
    private var environment: [JSONValue] {
        let facts = CheckVariables.variables(
            of: inquiry, candidate: address(of: inquiry.candidate.revision),
            stable: inquiry.stable.map { address(of: $0.revision) })
        let own = gate.env.filter { facts[$0.name] == nil }
        // A name may appear only once; the last one counts, as in a shell.
        let written = Dictionary(own.enumerated().map { ($1.name, $0) }) { _, last in last }
        let before = CheckVariables.defaults(of: inquiry, modelFolder: ModelFilesRendering.folder)
            .filter { written[$0.key] == nil }.merging(facts) { $1 }
        return before.sorted { $0.key < $1.key }.map { name, value in
            // A dollar sign in a version is not a reference.
            ["name": .string(name), "value": .string(value.replacing("$", with: "$$"))]
        } + own.enumerated().filter { written[$1.name] == $0 }.map { PodRendering.variable($1) }
    }

    private func address(of revision: Revision) -> String {
        ServiceRendering.address(
            of: ObjectNames.revision(deployment, revision), in: deployment.namespace,
            Endpoint(port: inquiry.servicePort))
    }
}

/// The Job of one run of a check.
struct CheckJob: Hashable, Sendable {
    var key: NamespacedName
    /// Only one run of a gate is under way at a time.
    var gate: String
    var deployment: DeploymentKey
    var body: JSONValue

    var spec: JSONValue { body["spec"] ?? .object([:]) }
    var podSpec: JSONValue { spec["template"]?["spec"] ?? .object([:]) }
    var image: String {
        podSpec["containers"]?.items.first?["image"]?.text ?? ""
    }
}
