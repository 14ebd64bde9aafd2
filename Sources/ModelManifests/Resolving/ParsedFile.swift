/// One `*.yaml` or `*.yml` file of a commit.
public struct ManifestFile: Hashable, Sendable {
    /// The blob's id: the same id means the same bytes, and nothing is parsed again.
    public var blob: String
    /// Nil where the file could not be taken; `problem` says why and what to do.
    public var text: String?
    public var problem: String?

    public init(blob: String, text: String?, problem: String? = nil) {
        self.blob = blob
        self.text = text
        self.problem = problem
    }
}

/// One manifest file, read: what it holds as written, references not yet resolved, and all that is wrong with it.
///
/// It keeps whatever needs no other file, revisions included, so that resolving is cheap: keep it for as long as the
/// file's content stays the same.
public struct ParsedFile: Sendable {
    public let file: String
    /// Everything that is wrong with it, in order of place.
    public internal(set) var diagnostics: [Diagnostic] = []
    /// Documents of other API groups, passed over.
    public internal(set) var passedOverCount = 0
    /// Why some of it could not be read, or not so far that it could be told what it is; nil where all could.
    /// What was last read from those parts must be held: see `holding(_:)`.
    public internal(set) var unreadable: Diagnostic?
    /// Deployments that may still be meant by a part that could not be read, and why.
    public private(set) var held: [DeploymentKey: Diagnostic] = [:]

    var deployments: [ParsedDeployment] = []
    var runtimes: [ParsedRuntime] = []
    var gateTemplates: [ParsedGateTemplate] = []
    var profiles: [ParsedProfile] = []

    init(file: String) { self.file = file }

    /// A file that the caller could not read, or did not because it is too large.
    public init(file: String, problem: String) {
        self.file = file
        markUnreadable(Diagnostic(file: file, message: problem))
    }

    /// Deployments that the file describes, valid or not.
    public var keys: [DeploymentKey] { deployments.map(\.key) }

    /// Only what deployments of other files can refer to.
    public var withoutDeployments: ParsedFile {
        var rest = ParsedFile(file: file)
        (rest.runtimes, rest.gateTemplates, rest.profiles) = (runtimes, gateTemplates, profiles)
        return rest
    }

    /// Nothing in it is for mlctl.
    public var isEmpty: Bool {
        deployments.isEmpty && runtimes.isEmpty && gateTemplates.isEmpty && profiles.isEmpty && diagnostics.isEmpty
            && unreadable == nil
    }

    /// The file with what was last read from its unreadable parts: deployments are held as they are, runtimes, gate
    /// templates and profiles go on being used.
    public func holding(_ previous: ParsedFile?) -> ParsedFile {
        guard let unreadable, let previous else { return self }
        var holding = self
        let present = Set(keys)
        var held: [DeploymentKey: Diagnostic] = [:]
        // Held again by why it cannot be read now.
        for key in previous.held.keys + previous.keys {
            held[key] = Diagnostic(
                file: unreadable.file, line: unreadable.line, column: unreadable.column,
                message: "\(key) is held as it is, because its file cannot be read: \(unreadable.message)",
                suggestion: unreadable.suggestion, deployment: key)
        }
        holding.held = held.filter { !present.contains($0.key) }
        let runtimeKeys = Set(runtimes.map(\.key))
        holding.runtimes += previous.runtimes.filter { !runtimeKeys.contains($0.key) }
        let templateKeys = Set(gateTemplates.map(\.key))
        holding.gateTemplates += previous.gateTemplates.filter { !templateKeys.contains($0.key) }
        let profileKeys = Set(profiles.map(\.key))
        holding.profiles += previous.profiles.filter { !profileKeys.contains($0.key) }
        let heldNothing =
            holding.held.isEmpty && previous.runtimes.isEmpty && previous.gateTemplates.isEmpty
            && previous.profiles.isEmpty
        if diagnostics.isEmpty, !heldNothing {
            holding.diagnostics = [unreadable]
        }
        return holding
    }

    /// A document of ours that cannot be told by its name: it may be any that was read before.
    mutating func addNameless(_ problems: [Diagnostic]) {
        if unreadable == nil { unreadable = problems.first }
        diagnostics += problems
    }

    /// - Parameter isSilent: it may well be none of ours: it is said only where the file held something before.
    mutating func markUnreadable(_ diagnostic: Diagnostic, isSilent: Bool = false) {
        if unreadable == nil { unreadable = diagnostic }
        if !isSilent { diagnostics.append(diagnostic) }
    }
}

extension ParsedFile {
    /// What stands in namespaces that are not the project's, beside deployments: those say so themselves.
    func strangersNamespaces(by rules: ProjectRules) -> [Diagnostic] {
        guard rules.policy.namespaces != nil else { return [] }
        let documents =
            runtimes.filter { !$0.isPreset }.map { ($0.key, $0.place) } + gateTemplates.map { ($0.key, $0.place) }
            + profiles.map { ($0.key, $0.place) }
        return documents.compactMap { key, place in
            rules.problem(withNamespace: key.namespace).map { violation in
                Diagnostic(
                    file: file, line: place.line, column: 1, path: "metadata.namespace",
                    message: violation.message(project: rules.project), suggestion: violation.suggestion)
            }
        }
    }
}
