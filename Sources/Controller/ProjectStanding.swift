import Foundation
import ModelManifests

/// How it stands with one project: its last look at git, and who waits for the next one.
struct ProjectStanding {
    let source: ProjectSource
    var status: SourceStatus
    var waiters: [CheckedContinuation<Set<DeploymentKey>, any Error>] = []
    /// A first look has ended well.
    var hasLooked = false
    var looks = 0
    var lookFailures = 0

    init(_ source: ProjectSource) {
        self.source = source
        status = SourceStatus(project: source.name, repo: source.repo, branch: source.reference)
    }
}
