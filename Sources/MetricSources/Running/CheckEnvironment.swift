import ModelManifests
import Rollouts
import SafeText

/// The exact environment and command line of a check. From the controller's environment it inherits only the variables named
/// here.
struct CheckEnvironment: Equatable, Sendable {
    /// Inherited from the controller's environment.
    static let inheritedNames = ["PATH", "HOME", "LANG", "TMPDIR"]

    private(set) var variables: [String: String]
    /// Values to redact.
    private(set) var secrets: [String] = []

    /// - Parameters:
    ///   - inherited: the controller's own environment.
    ///   - secret: returns the value of an allowed secret; throws for any other.
    init<Failure: Error>(
        _ gate: CheckGate, for inquiry: Inquiry, inherited: [String: String], workingFolder: String,
        secret: (String) throws(Failure) -> String
    ) throws(Failure) {
        variables = inherited.filter { Self.inheritedNames.contains($0.key) }
        variables.merge(CheckVariables.defaults(of: inquiry, modelFolder: workingFolder)) { $1 }
        let facts = CheckVariables.variables(
            of: inquiry, candidate: inquiry.candidate.url, stable: inquiry.stable?.url)
        variables.merge(facts) { $1 }
        // As in Kubernetes, a variable may refer to earlier ones. The variables that mlctl sets cannot be overwritten.
        for variable in gate.env where facts[variable.name] == nil {
            switch variable.value {
            case .literal(let text): variables[variable.name] = expand(text)
            case .secret(let name):
                let value = try secret(name)
                variables[variable.name] = value
                secrets.append(value)
            }
        }
    }

    func expand(_ text: String) -> String { VariableReferences.replaced(in: text, by: variables) }

    /// Redacts the check's output.
    var redactor: SecretRedactor { SecretRedactor(secrets) }
}

extension Inquiry.Side {
    /// The address of one of its ready instances.
    var url: String? { instances.lazy.compactMap { $0.addresses[""] }.first.map { "http://\($0)" } }
}
