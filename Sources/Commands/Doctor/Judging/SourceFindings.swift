import Presentation

/// Checks that the controller's repositories and metric sources answer. Pure.
enum SourceFindings {
    /// The result of reading a repository as `mlctl run` would.
    enum Repository: Hashable, Sendable {
        case read(commit: String, manifests: Int, mistakes: [String])
        case refused(message: String)
    }

    /// - Parameter name: the project's name; nil where there is only one.
    static func repository(_ repository: Repository, of name: String?, at place: String) -> [Finding] {
        let noun = name.map { "project '\($0)': " } ?? ""
        switch repository {
        case .refused(let message):
            return [
                .problem(
                    .repoReachable, "\(noun)\(message)",
                    "Try as the controller's user: git ls-remote \(place)"),
                .notLookedAt(.repoManifests, "\(noun)the repository cannot be read"),
            ]
        case .read(let commit, let manifests, let mistakes):
            let reached = Finding.ok(.repoReachable, "\(noun)\(place) answers; its commit is \(commit.shortCommit)")
            if let first = mistakes.first {
                let more = mistakes.count > 1 ? " (and \(mistakes.count - 1) more)" : ""
                return [
                    reached,
                    .warning(
                        .repoManifests, "\(noun)\(first)\(more); deployments with errors keep serving as they are",
                        "Run mlctl validate PATH in a clone of the repository"),
                ]
            }
            if manifests == 0 {
                return [
                    reached,
                    .warning(
                        .repoManifests,
                        "\(noun)commit \(commit.shortCommit) has no manifest in the configured path",
                        "Check --path (or path: of the project), and that the manifests are committed"),
                ]
            }
            return [reached, .ok(.repoManifests, "\(noun)\(manifests.counted("manifest file")), without errors")]
        }
    }

    /// - Parameter problem: nil where the source answered.
    static func source(_ name: String, asked: String, problem: String?, believesAnybody: Bool) -> [Finding] {
        var found: [Finding] = []
        if let problem {
            found.append(
                .problem(
                    .sourceReachable, "source '\(name)': \(problem)",
                    "Gates that use it stay insufficient until it answers. Try: curl -sS -o /dev/null -w '%{http_code}' \(asked)"
                ))
        } else {
            found.append(.ok(.sourceReachable, "source '\(name)': \(asked) answers"))
        }
        if believesAnybody {
            found.append(
                .warning(
                    .sourceReachable,
                    "source '\(name)': its certificate is not verified, so another server can answer in its place",
                    "Remove insecureSkipTLSVerify, and set its certificate authority as caFile"))
        }
        return found
    }
}
