/// Something wrong with a manifest, where it is, and what would be right.
public struct Diagnostic: Error, Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    /// The file's path within the repository, or as it was named on the command line.
    public var file: String
    /// From 1; 0 where the whole file is meant.
    public var line: Int
    public var column: Int
    /// The field's path, such as `spec.rollout.steps[2].setWeight`; empty for the document.
    public var path: String
    public var message: String
    /// What would be right: "did you mean 'replicas'?"
    public var suggestion: String?
    /// The deployment that this stops, where the document could be read that far.
    public var deployment: DeploymentKey?

    public init(
        file: String, line: Int = 0, column: Int = 0, path: String = "", message: String, suggestion: String? = nil,
        deployment: DeploymentKey? = nil
    ) {
        self.file = file
        self.line = line
        self.column = column
        self.path = path
        self.message = message
        self.suggestion = suggestion
        self.deployment = deployment
    }

    /// The same, as what stops a deployment.
    func about(_ deployment: DeploymentKey) -> Diagnostic {
        var diagnostic = self
        diagnostic.deployment = deployment
        return diagnostic
    }

    public var description: String {
        let place = line > 0 ? "\(file):\(line):\(column)" : file
        let field = path.isEmpty ? "" : " \(path):"
        let advice = suggestion.map { " (\($0))" } ?? ""
        return "\(place):\(field) \(message)\(advice)"
    }

    public static func < (left: Diagnostic, right: Diagnostic) -> Bool {
        (left.file, left.line, left.column, left.path, left.message)
            < (right.file, right.line, right.column, right.path, right.message)
    }
}
