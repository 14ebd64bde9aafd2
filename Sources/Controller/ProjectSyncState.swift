import ControlPorts
import ModelManifests

/// The state of one project: its last check of git, and the callers that wait for the next one.
struct ProjectSyncState {
    let source: ProjectSource
    var status: SourceStatus
    var waiters: [CheckedContinuation<Set<DeploymentKey>, any Error>] = []
    /// Whether git was read successfully at least once.
    var hasLooked = false
    var looks = 0
    var lookFailures = 0
    /// What was read before this start, until the first commit is read.
    var recalled: ManifestLedger?

    init(_ source: ProjectSource) {
        self.source = source
        status = SourceStatus(
            project: source.name, repo: source.repo, branch: source.reference, path: source.path)
    }
}
