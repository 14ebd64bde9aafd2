import ModelManifests

/// Why a deployment that no file of the commit describes is not removed. Pure.
///
/// A deployment is removed only if the place where it was last read is visible and positively without it.
package struct ManifestAbsence: Hashable, Sendable {
    /// Where a deployment was described before.
    struct LastPlace: Hashable, Sendable {
        var file: String
        /// The first commit without it.
        var since: String
        /// The last commit that described it.
        var readAt: String
        /// Files that cannot be read since that commit, and are meant for mlctl: it may have been moved there.
        var suspects: Set<String>
    }

    /// A part of the tree that cannot be seen.
    struct Hidden: Hashable, Sendable {
        var path: String
        var coversBelow: Bool
        var reason: Diagnostic

        func covers(_ file: String) -> Bool {
            path.utf8.elementsEqual(file.utf8)
                || coversBelow && (path.isEmpty || path == "." || file.utf8.starts(with: (path + "/").utf8))
        }
    }

    package var deployment: DeploymentKey
    /// The first commit without it, as far as that is known.
    package var since: String
    package var reason: String
    package var remedy: String
    /// The file or folder that cannot be seen; empty if the whole commit is the reason.
    package var path = ""
    /// Whether the reason is about how the commit was reached, and not about something in it that cannot be seen.
    var isDoubt = false

    package var text: String { "\(fate), kept because \(reason)" }

    /// A file outside of the path is in git, but nobody reads it.
    private var fate: String { "not \(isDoubt && !path.isEmpty ? "read" : "in git") since commit \(since.prefix(12))" }

    /// For the list of a project's problems.
    package var diagnostic: Diagnostic {
        Diagnostic(file: path, message: "\(deployment) is \(text)", suggestion: remedy, deployment: deployment)
    }

    /// - Parameters:
    ///   - lastPlace: nil where it is not known, because the controller was restarted and has no earlier commit.
    ///   - hidden: everything in the commit that cannot be seen, in order of path.
    ///   - isEmpty: the commit has no deployment at all, and that is not allowed.
    ///   - doubt: why the commit does not say that it was removed; nil if it does.
    /// - Returns: nil if it is removed.
    static func of(
        _ key: DeploymentKey, lastPlace: LastPlace?, at commit: String, hidden: [Hidden], isEmpty: Bool,
        doubt: RemovalDoubt? = nil
    ) -> ManifestAbsence? {
        if let doubt {
            return ManifestAbsence(
                deployment: key, since: lastPlace?.since ?? commit, reason: doubt.reason(at: commit),
                remedy: doubt.remedy, path: doubt.path, isDoubt: true)
        }
        let found: (hidden: Hidden, link: String, isOwnPlace: Bool)? =
            if let lastPlace {
                hidden.first { $0.covers(lastPlace.file) }.map { ($0, "\(Self.shown($0.path)) ", true) }
                    ?? hidden.first { lastPlace.suspects.contains($0.path) }
                    .map { ($0, "it may have moved to \(Self.shown($0.path)), which ", false) }
            } else {
                // A template whose manifest is not known to be gone says nothing about any deployment.
                hidden.first { TreePlan.original(of: $0.path) == nil }.map {
                    ($0, "it is not known where its manifest was, and \(Self.shown($0.path)) ", false)
                }
            }
        if let (hidden, link, isOwnPlace) = found {
            // What may have the manifest of another deployment is not to be deleted.
            let removal =
                isOwnPlace ? "delete \(Self.shown(hidden.path)) or" : "commit a form of it that can be read, or"
            return ManifestAbsence(
                deployment: key, since: lastPlace?.since ?? commit, reason: link + hidden.reason.message,
                remedy: (hidden.reason.suggestion.map { "\($0). " } ?? "")
                    + "To remove the deployment, \(removal) name it in \(IgnoreRules.fileName)",
                path: hidden.path)
        }
        guard isEmpty else { return nil }
        return ManifestAbsence(
            deployment: key, since: lastPlace?.since ?? commit, reason: "the commit contains no ModelDeployment",
            remedy: "to remove all of them, \(allowing)")
    }

    private static func shown(_ path: String) -> String { path.isEmpty ? "the repository's folder" : path }

    private static let allowing =
        "set 'allowEmpty: true' for the project, or start the controller with --allow-empty where it has only --repo"

    /// How many deployments a warning names.
    private static let namedMax = 3

    /// One sentence for all of them; nil if there are none.
    static func warning(_ absences: [DeploymentKey: ManifestAbsence]) -> String? {
        let all = absences.values.sorted { $0.deployment < $1.deployment }
        guard let first = all.first else { return nil }
        if first.path.isEmpty, !all.contains(where: { !$0.path.isEmpty || $0.isDoubt }) {
            return "the commit contains no ModelDeployment: all deployments stay as they are. "
                + "To remove all of them, \(allowing)"
        }
        let names = all.prefix(namedMax).map(\.deployment.description).joined(separator: ", ")
        let more = all.count > namedMax ? " and \(all.count - namedMax) more" : ""
        let own = all.first { !$0.path.isEmpty || $0.isDoubt } ?? first
        return
            "\(names)\(more): \(own.fate), but kept because \(own.reason). \(own.remedy)"
    }
}
