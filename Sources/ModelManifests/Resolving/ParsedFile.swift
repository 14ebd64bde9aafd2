/// One parsed manifest file: its documents with references not yet resolved, and its problems.
///
/// It stores everything that needs no other file, including revisions, so resolving is cheap. Keep it as long as the file's
/// content stays the same.
package struct ParsedFile: Sendable {
    package let file: String
    /// Every problem of the file, in order of place.
    package internal(set) var diagnostics: [Diagnostic] = []
    /// The number of documents of other API groups, which are skipped.
    package internal(set) var passedOverCount = 0
    /// Why a part of the file could not be read or recognized; nil where all parts could. What was last read from those
    /// parts must be held: see `holding(_:)`.
    package internal(set) var unreadable: Diagnostic?
    /// Whether the unreadable part may be somebody else's: it is reported only where something was read from it before.
    package private(set) var isSilent = true
    /// Whether everything below this path is out of sight: it is a submodule or a link.
    package private(set) var coversBelow = false
    /// Deployments that an unreadable part may still describe, with the reason.
    package private(set) var held: [DeploymentKey: Diagnostic] = [:]

    var deployments: [ParsedDeployment] = []
    var runtimes: [ParsedRuntime] = []
    var gateTemplates: [ParsedGateTemplate] = []
    var profiles: [ParsedProfile] = []

    init(file: String) { self.file = file }

    /// A file that the caller could not read, or did not read because it is too large.
    package init(file: String, problem: String) {
        self.file = file
        addUnreadablePart(Diagnostic(file: file, message: problem))
    }

    /// An obstacle in the place of a file.
    ///
    /// - Parameter isNamed: a person named this file, so it is reported.
    package init(file: String, obstacle: Obstacle, isNamed: Bool = false) {
        self.file = file
        coversBelow = obstacle.coversBelow
        addUnreadablePart(
            Diagnostic(
                file: file, line: obstacle.line, column: obstacle.column, message: obstacle.message,
                suggestion: obstacle.suggestion),
            isSilent: !isNamed && !obstacle.isMeantForMlctl)
    }

    /// What could not be read and is not reported as an error, because it may be somebody else's.
    package var passedOver: Diagnostic? { isSilent && diagnostics.isEmpty ? unreadable : nil }

    /// The deployments that the file describes, valid or not.
    package var keys: [DeploymentKey] { deployments.map(\.key) }

    /// The file with only those documents that deployments of other files can refer to.
    package var withoutDeployments: ParsedFile {
        var rest = ParsedFile(file: file)
        (rest.runtimes, rest.gateTemplates, rest.profiles) = (runtimes, gateTemplates, profiles)
        return rest
    }

    /// The file contains nothing for mlctl.
    package var isEmpty: Bool {
        deployments.isEmpty && runtimes.isEmpty && gateTemplates.isEmpty && profiles.isEmpty && diagnostics.isEmpty
            && unreadable == nil
    }

    /// The file together with what was last read from its unreadable parts: those deployments are held as they are, and those
    /// runtimes, gate templates and profiles stay in use.
    package func holding(_ previous: ParsedFile?) -> ParsedFile {
        guard let unreadable, let previous else { return self }
        var holding = self
        let present = Set(keys)
        var held: [DeploymentKey: Diagnostic] = [:]
        // Deployments that were held before get the current reason.
        for key in previous.held.keys + previous.keys {
            held[key] = Diagnostic(
                file: unreadable.file, line: unreadable.line, column: unreadable.column,
                message: "\(key) is kept as it is, because its file cannot be read: \(unreadable.sentence)",
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

    /// Adds problems of a document without a readable name: it may describe any deployment that was read before.
    mutating func addUnnamedDocument(_ problems: [Diagnostic]) {
        if unreadable == nil { unreadable = problems.first }
        isSilent = false
        diagnostics += problems
    }

    /// - Parameter isSilent: the file may never have been for mlctl: report the problem only where it contained a manifest
    ///   before.
    mutating func addUnreadablePart(_ diagnostic: Diagnostic, isSilent: Bool = false) {
        if unreadable == nil || (self.isSilent && !isSilent) { unreadable = diagnostic }
        guard !isSilent else { return }
        self.isSilent = false
        diagnostics.append(diagnostic)
    }
}

extension ParsedFile {
    /// Documents other than deployments in namespaces that the project may not use. Deployments are checked elsewhere.
    func foreignNamespaceProblems(by rules: ProjectRules) -> [Diagnostic] {
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
