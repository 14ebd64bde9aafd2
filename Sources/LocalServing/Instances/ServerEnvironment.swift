import ModelManifests

/// The exact environment and command line of a model server: nothing of the controller's gets in but what is named here.
struct ServerEnvironment: Equatable, Sendable {
    private(set) var variables: [String: String]
    private let inheritedHome: String?
    /// Values that must not be shown.
    private(set) var secrets: [String] = []

    /// - Parameters:
    ///   - ports: by name; the first of `portNames`, or `http`, is `PORT`.
    ///   - secret: the value of an allowed secret; throws for any other.
    init(
        spec: InstanceSpec, modelFolder: String, portNames: [String], ports: [String: Int],
        secret: (String) throws -> String
    ) rethrows {
        variables = spec.inherited
        inheritedHome = spec.inherited["HOME"]
        variables["MODEL_NAME"] = spec.deployment.name
        variables["MODEL_VERSION"] = spec.template.model.version
        variables["MODEL_DIR"] = modelFolder
        var own: [String: String] = [ProcessMark.variable: spec.mark]
        if let main = Self.mainPort(portNames) { own["PORT"] = ports[main].map(String.init) }
        for (name, port) in ports { own[Self.portVariable(name)] = String(port) }
        variables.merge(own) { $1 }
        // As Kubernetes: a variable sees those before it. Ports and the mark are facts, and not to be written over.
        for variable in spec.template.runtime.env where own[variable.name] == nil {
            switch variable.value {
            case .literal(let text): variables[variable.name] = expand(text)
            case .secret(let name):
                let value = try secret(name)
                variables[variable.name] = value
                secrets.append(value)
            }
        }
    }

    /// Replaces `$(NAME)` by the variable's value.
    func expand(_ text: String) -> String { VariableReferences.replaced(in: text, by: variables) }

    /// `NAME=value`, sorted, so that two starts are alike.
    var assignments: [String] { variables.map { "\($0.key)=\($0.value)" }.sorted() }

    /// The controller's home is not that of another user.
    func assignments(as user: SystemUser?) -> [String] {
        guard let user, variables["HOME"] == inheritedHome else { return assignments }
        var own = self
        own.variables["HOME"] = user.home
        return own.assignments
    }

    /// Which of the named ports is `PORT`: `http`, or else the first. No ports means one, `http`.
    static func mainPort(_ names: [String]) -> String? { names.contains("http") ? "http" : names.first }

    static func portNames(_ runtime: Runtime) -> [String] {
        runtime.ports.isEmpty ? ["http"] : runtime.ports.map(\.name)
    }

    /// `grpc-web` is `PORT_GRPC_WEB`.
    static func portVariable(_ name: String) -> String {
        "PORT_" + String(name.uppercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    }
}
