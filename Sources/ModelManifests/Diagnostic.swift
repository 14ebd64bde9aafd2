/// One problem in a manifest: where it is, what is wrong, and what would be right.
package struct Diagnostic: Error, Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    /// The file's path within the repository, or as given on the command line.
    package var file: String
    /// Starts at 1; 0 means the whole file.
    package var line: Int
    package var column: Int
    /// The field's path, such as `spec.rollout.steps[2].setWeight`; empty for the document.
    package var path: String
    package var message: String
    /// What would be right: "did you mean 'replicas'?"
    package var suggestion: String?
    /// The deployment that this problem stops; nil where the document could not be read far enough to know its name.
    package var deployment: DeploymentKey?

    package init(
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

    package var description: String {
        let place = line > 0 ? "\(file):\(line):\(column)" : file
        let field = path.isEmpty ? "" : " \(path):"
        let advice = suggestion.map { " (\($0))" } ?? ""
        return "\(place):\(field) \(message)\(advice)"
    }

    /// What is wrong, also where the file and the line are not shown: `apiVersion is missing`.
    var sentence: String { path.isEmpty || message.contains(path) ? message : "\(path) \(message)" }

    package static func < (left: Diagnostic, right: Diagnostic) -> Bool {
        (left.file, left.line, left.column, left.path, left.message)
            < (right.file, right.line, right.column, right.path, right.message)
    }
}
