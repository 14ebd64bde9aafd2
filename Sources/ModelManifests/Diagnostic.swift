/// One problem in a manifest: where it is, what is wrong, and what would be right.
public struct Diagnostic: Error, Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    /// The file's path within the repository, or as given on the command line.
    public var file: String
    /// Starts at 1; 0 means the whole file.
    public var line: Int
    public var column: Int
    /// The field's path, such as `spec.rollout.steps[2].setWeight`; empty for the document.
    public var path: String
    public var message: String
    /// What would be right: "did you mean 'replicas'?"
    public var suggestion: String?
    /// The deployment that this problem stops; nil where the document could not be read far enough to know its name.
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

    /// The same diagnostic, marked as one that stops this deployment.
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
