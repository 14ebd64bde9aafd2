import ModelManifests

/// The complete environment of a model server. Only the variables set here reach the server, nothing else of the controller's
/// environment.
struct ServerEnvironment: Equatable, Sendable {
    private(set) var variables: [String: String]
    private let inheritedHome: String?
    /// Values that must not appear in logs.
    private(set) var secrets: [String] = []

    /// - Parameters:
    ///   - ports: port numbers by name. `PORT` is `http`, or else the first of `portNames`.
    ///   - secret: returns the value of an allowed secret, and throws for any other.
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
        // As in Kubernetes, a variable can refer to earlier ones. Ports and the mark cannot be overridden.
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

    /// Replaces each `$(NAME)` with the value of that variable.
    func expand(_ text: String) -> String { VariableReferences.replaced(in: text, by: variables) }

    /// `NAME=value` lines, sorted, so that two starts get the same environment.
    var assignments: [String] { variables.map { "\($0.key)=\($0.value)" }.sorted() }

    /// For another user, replaces the inherited HOME with that user's home.
    func assignments(as user: SystemUser?) -> [String] {
        guard let user, variables["HOME"] == inheritedHome else { return assignments }
        var own = self
        own.variables["HOME"] = user.home
        return own.assignments
    }

    /// The port that becomes `PORT`: `http`, or else the first. A runtime without ports has one port, `http`.
    static func mainPort(_ names: [String]) -> String? { names.contains("http") ? "http" : names.first }

    static func portNames(_ runtime: Runtime) -> [String] {
        runtime.ports.isEmpty ? ["http"] : runtime.ports.map(\.name)
    }

    /// For example, `grpc-web` becomes `PORT_GRPC_WEB`.
    static func portVariable(_ name: String) -> String {
        "PORT_" + String(name.uppercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    }
}
