import Analysis
import Foundation
import ModelManifests
import Rollouts
import Serving

/// The source of manifests: a git repository, read one immutable commit at a time.
package protocol ManifestSource: Sendable {
    /// Fetches the current commit. Throws if the repository cannot be read; what was read last then stays in force.
    func fetch() async throws -> ManifestSnapshot
    /// The commit that was read last before this start, without asking the repository; nil if there is none. It says where each
    /// deployment was described, so that a file that cannot be read holds only what was in it.
    func lastRead() async throws -> ManifestSnapshot?
    /// Whether `commit` is `descendant` or an ancestor of it.
    func isAncestor(_ commit: String, of descendant: String) async throws -> Bool
    /// How a fetched commit follows one that was read earlier.
    func descent(of commit: String, from earlier: String) async throws -> CommitDescent
    /// The given files of a fetched commit, wherever they are in the repository. Those that it does not have are left out.
    func files(_ paths: Set<String>, in commit: String) async throws -> [String: ManifestFile]
}

extension ManifestSource {
    package func lastRead() async throws -> ManifestSnapshot? { nil }

    package func descent(of commit: String, from earlier: String) async throws -> CommitDescent {
        try await isAncestor(earlier, of: commit) ? .follows : .diverged
    }

    package func files(_ paths: Set<String>, in commit: String) async throws -> [String: ManifestFile] { [:] }
}

/// The manifest files of one commit.
package struct ManifestSnapshot: Hashable, Sendable {
    package var commit: String
    /// By path within the repository.
    package var files: [String: ManifestFile]
    /// What `.mlctlignore` files name counts as gone.
    package var ignoring: IgnoreRules

    package init(commit: String, files: [String: ManifestFile], ignoring: IgnoreRules = IgnoreRules()) {
        self.commit = commit
        self.files = files
        self.ignoring = ignoring
    }
}

/// A source of readings.
package protocol MetricSource: Sendable {
    /// Readings of all instances of the deployment that the source knows. Throws if the source could not be asked; then there is
    /// no evidence.
    func readings(for deployment: DeploymentKey) async throws -> [Reading]
}

/// Answers the questions that decisions ask: values, counters, checks, contracts.
package protocol Inquirer: Sendable {
    /// May take long, but within its own time limit. A failure is returned as an answer too.
    func answer(_ inquiry: Inquiry) async -> Finding.Answer
}

/// Runs the checks of a site's deployments at the site, never on the controller's machine.
///
/// # Guarantees
/// - Every answer comes within its own time limit. If a check has no exit code, the answer decides nothing and says what to do.
/// - A run continues if its task is cancelled or the controller ends. If it is requested again, the running one is found and no
///   second one is started.
package protocol SiteCheckRunner: Sendable {
    func run(_ inquiry: Inquiry, _ check: CheckGate) async -> CheckOutcome
    /// Ends all runs of a deployment except the given ones, without waiting. Called in each pass.
    ///
    /// - Parameter wanted: the checks that are requested now.
    func keep(only wanted: [Inquiry], of deployment: DeploymentKey)
}

/// The output of model servers.
package protocol LogSource: Sendable {
    /// The last `lines` lines of each instance, oldest first, including instances of a revision that was rolled back.
    func logs(of deployment: DeploymentKey, revision: Revision?, lines: Int) async throws -> [LogLine]
}
