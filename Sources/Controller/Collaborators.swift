import Analysis
import Foundation
import ModelManifests
import Rollouts
import Serving

/// Manifests as git has them: one immutable commit at a time.
public protocol ManifestSource: Sendable {
    /// Looks now. Throws when the repository cannot be read: what was read last stays in force.
    func fetch() async throws -> ManifestSnapshot
    /// Whether `commit` is `descendant` or an ancestor of it.
    func isAncestor(_ commit: String, of descendant: String) async throws -> Bool
}

/// The manifest files of one commit.
public struct ManifestSnapshot: Hashable, Sendable {
    public var commit: String
    /// By path within the repository.
    public var files: [String: ManifestFile]

    public init(commit: String, files: [String: ManifestFile]) {
        self.commit = commit
        self.files = files
    }
}

/// Where readings come from.
public protocol MetricSource: Sendable {
    /// All instances of the deployment that the source knows. Throws where it could not be asked: nothing is evidence then.
    func readings(for deployment: DeploymentKey) async throws -> [Reading]
}

/// Finds out what decisions ask: values, counters, checks, contracts.
public protocol Inquirer: Sendable {
    /// Takes as long as it must, within a time limit of its own. Whatever goes wrong is an answer too.
    func answer(_ inquiry: Inquiry) async -> Finding.Answer
}

/// Runs the checks of what a site serves, at the site: never on the controller's machine.
///
/// # Guarantees
/// - Every answer comes within a time limit of its own. Whatever keeps a check from an exit code is an answer that decides
///   nothing, and says what to do.
/// - A run that is cancelled, or whose controller ends, goes on. Asked for again, it is found and not started a second time.
public protocol CheckSite: Sendable {
    func run(_ inquiry: Inquiry, _ check: CheckGate) async -> CheckOutcome
    /// Ends all of a deployment's runs but these, in its own time: asked with each pass.
    ///
    /// - Parameter wanted: checks that are asked for now.
    func keep(only wanted: [Inquiry], of deployment: DeploymentKey)
}

/// Where the output of model servers is kept.
public protocol LogSource: Sendable {
    /// The last `lines` lines of each instance, oldest first; those of a revision that was rolled back included.
    func logs(of deployment: DeploymentKey, revision: Revision?, lines: Int) async throws -> [LogLine]
}

/// Tells somebody that a rollout was promoted, rolled back, or needs a person, that a deployment is degraded or available
/// again, and what a gate that only warns has found.
public protocol Notifier: Sendable {
    func notify(_ notice: Notice) async throws
}

public struct Notice: Hashable, Codable, Sendable {
    public enum Kind: String, Codable, CaseIterable, Sendable {
        case promoted, rolledBack
        /// It does not go on by itself: a person has to decide.
        case stuck
        /// It serves with less than it should, or not at all.
        case degraded
        /// What was degraded serves again as it should.
        case available
        /// A gate that only warns would have failed: nothing acts upon it.
        case warned
    }

    public var kind: Kind
    public var deployment: DeploymentKey
    public var event: StoredEvent

    public init(kind: Kind, deployment: DeploymentKey, event: StoredEvent) {
        self.kind = kind
        self.deployment = deployment
        self.event = event
    }
}
