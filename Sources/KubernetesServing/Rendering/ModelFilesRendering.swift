import JSON
import ModelManifests

/// How a model's files get into a pod, by the scheme of their URI. They are mounted read-only at `/mnt/models`.
struct ModelFilesRendering: Hashable, Sendable {
    static let folder = PodTemplateRules.modelFolder
    static let volumeName = PodTemplateRules.modelVolume
    static let fetchingContainer = "fetch-model"
    /// The name that KServe's tools and its users' podTemplate patches know.
    static let initializerContainer = "storage-initializer"
    /// Verifies files from another source against the manifest's digest.
    static let verifyingContainer = "verify-model"
    static let logTail: JSONValue = "FallbackToLogsOnError"
    /// As in KServe: a namespace with a quota refuses containers that set no resources.
    private static let fetchingResources: JSONValue = [
        "requests": ["cpu": "100m", "memory": "100Mi"], "limits": ["cpu": "1", "memory": "1Gi"],
    ]

    /// `mlctl fetch-model` fetches these.
    private static let ownSchemes = ["https", "s3", "gs", "az", "hf", "models", "runs", "mlflow-artifacts"]

    var volume: JSONValue
    var mount: JSONValue
    /// In the order in which they run.
    var initContainers: [JSONValue] = []

    /// - Returns: nil if the runtime brings its own files.
    /// - Throws: `ClusterServingError`, terminal: a cluster does not support the scheme.
    static func files(
        of model: ModelSource, security: PodSettings.Security, settings: ClusterServingSettings
    ) throws -> ModelFilesRendering? {
        guard let uri = model.storageURI else { return nil }
        var files = try brought(uri, model, security: security, settings: settings)
        // `fetch-model` verifies what it fetches.
        if let digest = model.digest, !ownSchemes.contains(where: { uri.hasPrefix("\($0):") }) {
            files.initContainers.append(
                container(
                    verifyingContainer, image: settings.image,
                    arguments: ["fetch-model", "--verify-only", "--digest", digest.description, "--to", folder],
                    mount: files.mount, security: security))
        }
        return files
    }

    private static func brought(
        _ uri: String, _ model: ModelSource, security: PodSettings.Security, settings: ClusterServingSettings
    ) throws -> ModelFilesRendering {
        let scheme = uri.prefix { $0 != ":" }
        switch scheme {
        case "pvc": return try claim(uri)
        case "oci": return image(uri)
        case "https", "s3", "gs", "az", "hf", "models", "runs", "mlflow-artifacts":
            var arguments = ["fetch-model", "--uri", uri, "--to", folder]
            if let digest = model.digest { arguments += ["--digest", digest.description] }
            for source in model.isReference ? model.allowedSources ?? [] : [] {
                arguments += ["--allowed-source", source]
            }
            return fetched(
                // Patches of podTemplates that give keys to the container know this name.
                name: scheme == "https" ? fetchingContainer : initializerContainer, image: settings.image,
                arguments: arguments, security: security)
        case "file":
            throw ClusterServingError(
                .invalidPlan,
                "\(uri) is on the controller's machine, but pods run on other machines. Put the model into a pvc:, s3:, gs:, "
                    + "az:, hf:, oci: or https: place, or use `target: {kind: local}`.")
        default:
            throw ClusterServingError(
                .invalidPlan,
                "\(uri): a cluster does not support \(scheme): URIs. Use pvc:, oci:, https:, s3:, gs:, az:, hf: or models:."
            )
        }
    }

    /// `pvc://claim/path`.
    private static func claim(_ uri: String) throws -> ModelFilesRendering {
        let parts = rest(uri).split(separator: "/", maxSplits: 1).map { String($0) }
        guard let claim = parts.first, NameRules.isDNSLabel(claim) else {
            throw ClusterServingError(
                .invalidPlan, "\(uri) names no claim. Write pvc://CLAIM/path.")
        }
        var mount: [String: JSONValue?] = ["name": .string(volumeName), "mountPath": .string(folder), "readOnly": true]
        if parts.count > 1 { mount["subPath"] = .string(parts[1]) }
        return ModelFilesRendering(
            volume: [
                "name": .string(volumeName),
                "persistentVolumeClaim": ["claimName": .string(claim), "readOnly": true],
            ], mount: .fields(mount))
    }

    /// An image volume: needs Kubernetes 1.35, or 1.33 with the feature enabled.
    private static func image(_ uri: String) -> ModelFilesRendering {
        ModelFilesRendering(
            volume: [
                "name": .string(volumeName), "image": ["reference": .string(rest(uri)), "pullPolicy": "IfNotPresent"],
            ],
            mount: ["name": .string(volumeName), "mountPath": .string(folder), "readOnly": true])
    }

    private static func fetched(
        name: String, image: String, arguments: [String], security: PodSettings.Security
    ) -> ModelFilesRendering {
        ModelFilesRendering(
            volume: .object(["name": .string(volumeName), "emptyDir": .object([:])]),
            mount: ["name": .string(volumeName), "mountPath": .string(folder), "readOnly": true],
            initContainers: [
                container(
                    name, image: image, arguments: arguments,
                    mount: ["name": .string(volumeName), "mountPath": .string(folder)], security: security)
            ])
    }

    private static func container(
        _ name: String, image: String, arguments: [String], mount: JSONValue, security: PodSettings.Security
    ) -> JSONValue {
        .fields([
            "name": .string(name), "image": .string(image),
            // A dollar sign in a URI is not a reference to a variable.
            "args": .array(arguments.map { .string($0.replacing("$", with: "$$")) }),
            "resources": fetchingResources, "securityContext": PodSecurityRendering.container(security),
            "terminationMessagePolicy": logTail, "volumeMounts": [mount],
        ])
    }

    private static func rest(_ uri: String) -> String {
        let rest = uri.drop { $0 != ":" }.dropFirst()
        return String(rest.hasPrefix("//") ? rest.dropFirst(2) : rest)
    }
}
