import JSON
import ModelManifests
import Serving

/// A container of mlctl's own beside the model's server, where something needs the model's folder: it plays the warm-up
/// requests, and shows the recorded ones to the proxies.
///
/// A pod is ready once all its containers are. So no router whatever sends requests to a pod that is not warm, and nothing
/// of the controller's is needed for it.
struct CompanionRendering: Sendable {
    static let container = "companion"
    private static let portName = "companion"
    private static let resources: JSONValue = [
        "requests": ["cpu": "10m", "memory": "32Mi"], "limits": ["memory": "128Mi"],
    ]

    let runtime: Runtime
    let ports: ServerPorts
    let files: ModelFilesRendering
    /// The file of recorded requests.
    let recordings: String?
    let security: PodSettings.Security
    let settings: ClusterServingSettings

    /// - Returns: nil where the pod needs none.
    /// - Throws: `ClusterServingError`, terminal: the server has the companion's port.
    func rendered() throws -> JSONValue? {
        guard runtime.warmup != nil || recordings != nil else { return nil }
        guard !ports.all.contains(where: { $0.number == CompanionPort.number }) else {
            throw ClusterServingError(
                .invalidPlan,
                "port \(CompanionPort.number) is that of mlctl's own container in the pod, which plays warm-up and recorded "
                    + "requests. Let the server use another.")
        }
        return .fields([
            "name": .string(Self.container), "image": .string(settings.image),
            // A dollar sign in a name is no reference to a variable.
            "args": .array(arguments.map { .string($0.replacing("$", with: "$$")) }),
            "ports": [
                ["name": .string(Self.portName), "containerPort": .integer(CompanionPort.number), "protocol": "TCP"]
            ],
            "readinessProbe": [
                "httpGet": [
                    "path": .string(CompanionPort.readyPath), "port": .integer(CompanionPort.number), "scheme": "HTTP",
                ],
                "periodSeconds": 1, "timeoutSeconds": 1, "failureThreshold": 1, "successThreshold": 1,
            ],
            "resources": Self.resources, "securityContext": PodSecurityRendering.container(security),
            "terminationMessagePolicy": ModelFilesRendering.logTail, "volumeMounts": [files.mount],
        ])
    }

    private var arguments: [String] {
        let readiness = runtime.probes.readiness ?? Probe(check: .tcpSocket(port: nil))
        var arguments = [
            "companion", "--folder", ModelFilesRendering.folder, "--server-port", String(ports.serving.number),
        ]
        switch readiness.check {
        case .httpGet(let path, let port):
            arguments += ["--ready-port", String(ports.number(port))]
            arguments += ["--ready-path", path.hasPrefix("/") ? path : "/" + path]
        case .tcpSocket(let port): arguments += ["--ready-port", String(ports.number(port))]
        }
        if let warmup = runtime.warmup {
            arguments += ["--warm-up", warmup.file]
            if let path = warmup.path { arguments += ["--warm-up-path", path] }
            arguments += ["--warm-up-timeout-seconds", String(ProbeRendering.seconds(warmup.timeout))]
        }
        if let recordings { arguments += ["--recordings", recordings] }
        return arguments
    }
}
