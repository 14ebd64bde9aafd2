import JSON
import ModelManifests
import SafeText

/// Renders the pods of one revision: a PodTemplateSpec from its serving template.
///
/// `valueFrom: {secret: NAME}` reads the key `value` of the Secret NAME in the deployment's namespace. mlctl's variables come
/// before the manifest's, so that those can use `$(PORT)`; Kubernetes itself expands them.
struct PodRendering: Sendable {
    static let container = "model"
    static let secretKey = "value"
    /// How long the server of an ending pod is not told: proxies and gateways stop sending within that time.
    static let noticeSeconds = 5

    let deployment: DeploymentKey
    let revision: Revision
    let template: ServingTemplate
    let settings: ClusterServingSettings
    /// The file of recorded requests, if proxies are to send some.
    var recordings: String?
    /// How long requests and streams may continue once the pod is ending.
    var drain = Endpoint()

    /// How long the server is not told that it ends. Requests that were sent before everybody knew end within that time. Not
    /// every server finishes its requests once it is told.
    private var preStopSeconds: Int { Self.noticeSeconds + ProbeRendering.seconds(drain.drainTimeout) }

    /// After the hook, a server that finishes its requests has as long as streams may take, and its own grace period.
    private var graceSeconds: Int {
        Self.noticeSeconds
            + max(
                ProbeRendering.seconds(drain.drainTimeout), ProbeRendering.seconds(drain.drain.streamTimeout))
            + ProbeRendering.seconds(runtime.terminationGracePeriod)
    }

    private var runtime: Runtime { template.runtime }
    private var pod: PodSettings { runtime.pod ?? PodSettings() }

    /// - Throws: `ClusterServingError`, terminal.
    func podTemplate() throws -> JSONValue {
        let ports = ServerPorts(runtime)
        let files = try ModelFilesRendering.files(of: template.model, security: pod.security, settings: settings)
        let companion = try files.flatMap { try self.companion(ports, $0) }
        let rendered: JSONValue = [
            "metadata": .fields([
                "labels": .strings(labels),
                "annotations": .strings(scraping(ports).merging(Self.mainContainer(companion)) { own, _ in own }),
            ]),
            "spec": .fields([
                "initContainers": files.map { .array($0.initContainers) },
                "containers": .array([try server(ports, files)] + [companion].compactMap(\.self)),
                "volumes": files.map { [$0.volume] },
                "automountServiceAccountToken": false,
                "serviceAccountName": pod.serviceAccountName.map(JSONValue.string),
                "imagePullSecrets": .array(pod.imagePullSecrets.map { ["name": .string($0)] }),
                "nodeSelector": .strings(pod.nodeSelector),
                "tolerations": .array(pod.tolerations.map(Self.toleration)),
                "securityContext": PodSecurityRendering.pod(pod.security),
                "terminationGracePeriodSeconds": .integer(graceSeconds),
            ]),
        ]
        guard let patch = pod.template else { return rendered }
        // A patch must not change the labels by which the revision's pods are found.
        return StrategicMerge.laid(patch, over: rendered).setting(
            ["metadata", "labels"],
            to: .object(
                (StrategicMerge.laid(patch, over: rendered)["metadata"]?["labels"]?.members ?? [:])
                    .merging(labels.mapValues(JSONValue.string)) { _, own in own }))
    }

    private func companion(_ ports: ServerPorts, _ files: ModelFilesRendering) throws -> JSONValue? {
        try CompanionRendering(
            runtime: runtime, ports: ports, files: files, recordings: recordings, security: pod.security,
            settings: settings
        ).rendered()
    }

    /// Of the two containers, the one for `kubectl logs` and `kubectl exec`.
    private static func mainContainer(_ companion: JSONValue?) -> [String: String] {
        companion == nil ? [:] : ["kubectl.kubernetes.io/default-container": container]
    }

    var labels: [String: String] {
        var labels = ObjectLabels.of(deployment, revision: revision)
        labels[ObjectLabels.component] = ObjectLabels.Component.model.rawValue
        let version = Escape.labelValue(template.model.version)
        if !version.isEmpty { labels[ObjectLabels.version] = version }
        return labels
    }

    private func server(_ ports: ServerPorts, _ files: ModelFilesRendering?) throws -> JSONValue {
        guard let image = runtime.image else {
            throw ClusterServingError(
                .invalidPlan, "the runtime names no image, and pods need one. Set `runtime.image`.")
        }
        let fields: [String: JSONValue?] = [
            "name": .string(Self.container), "image": .string(image),
            "command": .array(runtime.command.map(JSONValue.string)),
            "args": .array(runtime.args.map(JSONValue.string)),
            "workingDir": files.map { _ in .string(ModelFilesRendering.folder) },
            "env": .array(environment(ports)), "ports": .array(ports.containerPorts),
            "resources": ResourceRendering.resources(template.resources),
            "securityContext": PodSecurityRendering.container(pod.security),
            "volumeMounts": files.map { [$0.mount] },
            "lifecycle": ["preStop": ["sleep": ["seconds": .integer(preStopSeconds)]]],
            "terminationMessagePolicy": "FallbackToLogsOnError",
        ]
        return .fields(fields.merging(ProbeRendering.probes(runtime, ports: ports)) { first, _ in first })
    }

    private func environment(_ ports: ServerPorts) -> [JSONValue] {
        let own =
            ports.environment + [
                ("MODEL_NAME", deployment.name), ("MODEL_VERSION", template.model.version),
                ("MODEL_DIR", ModelFilesRendering.folder),
            ]
        let variables = runtime.env
        // A name may appear only once; the last one counts, as in a shell.
        let written = Dictionary(variables.enumerated().map { ($1.name, $0) }) { _, last in last }
        var seen: Set<String> = Set(written.keys)
        let before = own.filter { seen.insert($0.name).inserted }.map { name, value -> JSONValue in
            // A dollar sign in a version is not a reference.
            ["name": .string(name), "value": .string(value.replacing("$", with: "$$"))]
        }
        return before + variables.enumerated().filter { written[$1.name] == $0 }.map { Self.variable($1) }
    }

    static func variable(_ variable: EnvironmentVariable) -> JSONValue {
        switch variable.value {
        case .literal(let text): ["name": .string(variable.name), "value": .string(text)]
        case .secret(let name):
            [
                "name": .string(variable.name),
                "valueFrom": ["secretKeyRef": ["name": .string(name), "key": .string(secretKey)]],
            ]
        }
    }

    /// The annotations for a Prometheus that discovers pods by them.
    private func scraping(_ ports: ServerPorts) -> [String: String] {
        guard let metrics = runtime.metrics else { return [:] }
        return [
            "prometheus.io/scrape": "true", "prometheus.io/path": metrics.path,
            "prometheus.io/port": String(ports.number(metrics.port)),
        ]
    }

    static func toleration(_ toleration: Toleration) -> JSONValue {
        .fields([
            "key": toleration.key.map(JSONValue.string), "operator": toleration.operator.map(JSONValue.string),
            "value": toleration.value.map(JSONValue.string), "effect": toleration.effect.map(JSONValue.string),
            "tolerationSeconds": toleration.tolerationSeconds.map(JSONValue.integer),
        ])
    }
}

/// Security contexts according to the Pod Security Standards.
enum PodSecurityRendering {
    static func pod(_ security: PodSettings.Security) -> JSONValue? {
        switch security {
        case .restricted: ["runAsNonRoot": true, "seccompProfile": ["type": "RuntimeDefault"]]
        case .baseline: ["seccompProfile": ["type": "RuntimeDefault"]]
        case .privileged: nil
        }
    }

    static func container(_ security: PodSettings.Security) -> JSONValue? {
        switch security {
        case .restricted: ["allowPrivilegeEscalation": false, "capabilities": ["drop": ["ALL"]]]
        case .baseline, .privileged: nil
        }
    }
}

/// `resources` of a container. Quantities are written in the form in which the API server returns them.
enum ResourceRendering {
    static func resources(_ resources: Resources) -> JSONValue {
        .fields([
            "limits": amounts(resources.limits), "requests": resources.requests.map(amounts),
        ])
    }

    private static func amounts(_ resources: ResourceAmounts) -> JSONValue {
        var amounts: [String: JSONValue] = resources.extended.mapValues { .string(String($0)) }
        amounts["cpu"] = resources.cpuMillicores.map { .string(cpu($0)) }
        amounts["memory"] = resources.memoryBytes.map { .string(memory($0)) }
        return .object(amounts)
    }

    static func cpu(_ millicores: Int) -> String {
        millicores.isMultiple(of: 1000) ? String(millicores / 1000) : "\(millicores)m"
    }

    static func memory(_ bytes: Int64) -> String {
        for (power, unit) in [(40, "Ti"), (30, "Gi"), (20, "Mi"), (10, "Ki")] {
            let size = Int64(1) << power
            if bytes > 0, bytes.isMultiple(of: size) { return "\(bytes / size)\(unit)" }
        }
        return String(bytes)
    }
}
