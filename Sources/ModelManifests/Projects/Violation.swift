/// What a policy has against a deployment.
struct Violation: Hashable, Sendable {
    /// What of the deployment it is about.
    enum Site: Hashable, Sendable {
        case namespace, target, endpointPort, previewPort, storage, resources, replicas
        case whole
        /// A field below `spec.endpoint`.
        case endpoint([PathElement])
        /// A field below `spec.runtime`, or of the ServingRuntime that it names.
        case runtime([PathElement])
        /// One of `spec.runtime.env`.
        case variable(String)
        /// The gate of that name.
        case gate(String)
    }

    /// The policy's field: `namespaces`.
    var rule: String
    var text: String
    /// What would be allowed; nil where nothing would.
    var allowed: [String]?
    var site = Site.whole

    static let shownLimit = 8

    init(_ rule: String, _ text: String, allows allowed: [String]?) {
        self.rule = rule
        self.text = text
        self.allowed = allowed
    }

    func message(project: String) -> String { "\(text) (policy '\(rule)' of project '\(project)')" }

    var suggestion: String? {
        guard let allowed else { return nil }
        let shown = allowed.prefix(Self.shownLimit).joined(separator: ", ")
        return
            "allowed: \(shown)\(allowed.count > Self.shownLimit ? ", and \(allowed.count - Self.shownLimit) more" : "")"
    }
}

extension Violation.Site {
    /// Its field, where nobody has the manifest.
    var path: String {
        switch self {
        case .namespace: "metadata.namespace"
        case .target: "spec.target"
        case .endpointPort: RequestedPort.endpointPath
        case .previewPort: RequestedPort.previewPath
        case .storage: "spec.model.storageUri"
        case .resources: "spec.resources"
        case .replicas: "spec.replicas"
        case .whole: "spec"
        case .endpoint(let path): PathElement.text([.field("spec"), .field("endpoint")] + path)
        case .gate(let name): "spec.rollout.gates, '\(name)'"
        case .variable(let name): "spec.runtime.env, '\(name)'"
        case .runtime(let path): PathElement.text([.field("spec"), .field("runtime")] + path)
        }
    }
}

extension UnresolvedDeployment {
    /// A violation at the place where it is written. What a ServingRuntime says stands in its own file: the manifest names it.
    func diagnostic(of violation: Violation, project: String, over base: ParsedRuntime?) -> Diagnostic {
        let (path, place, isInherited) = self.place(of: violation.site)
        let origin = isInherited ? base.map { ", of the ServingRuntime '\($0.key.name)' (\($0.place))" } ?? "" : ""
        var violation = violation
        violation.text += origin
        return Diagnostic(
            file: self.place.file, line: place.line, column: place.column, path: path,
            message: violation.message(project: project), suggestion: violation.suggestion, deployment: key)
    }

    private func place(of site: Violation.Site) -> (path: String, place: SourcePlace, isInherited: Bool) {
        switch site {
        case .namespace: return (site.path, namespacePlace, false)
        case .target: return (site.path, targetPlace, false)
        case .endpointPort, .previewPort:
            return (site.path, wantedPorts.first { $0.path == site.path }?.place ?? namePlace, false)
        case .storage: return (site.path, storagePlace, false)
        case .resources: return (site.path, resourcesPlace, false)
        case .replicas: return (site.path, replicasPlace, false)
        case .whole: return (site.path, namePlace, false)
        case .endpoint(let path): return (site.path, endpointNode?.follow(path)?.place ?? namePlace, false)
        case .gate(let name):
            let gate = gatePlace(name)
            return (gate.path, gate.place, false)
        case .variable(let name): return runtimePlace([.field("env")] + variablePath(name))
        case .runtime(let path): return runtimePlace(path)
        }
    }
}
