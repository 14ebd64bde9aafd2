import JSON
import ModelManifests
import Serving

/// mlctl's own container beside the model's server, if something needs the model's folder. It sends the warm-up requests, and
/// serves the recorded requests to the proxies.
///
/// A pod is ready only if all its containers are. So no router sends requests to a pod that is not warm, and this needs no
/// controller.
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

    /// - Returns: nil if the pod needs no companion.
    /// - Throws: `ClusterServingError`, terminal: the server uses the companion's port.
    func rendered() throws -> JSONValue? {
        guard runtime.warmup != nil || recordings != nil else { return nil }
        guard !ports.all.contains(where: { $0.number == CompanionPort.number }) else {
            throw ClusterServingError(
                .invalidPlan,
                "port \(CompanionPort.number) belongs to mlctl's own container in the pod, which handles warm-up and recorded "
                    + "requests. Use another port for the server.")
        }
        return .fields([
            "name": .string(Self.container), "image": .string(settings.image),
            // A dollar sign in a name is not a reference to a variable.
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
