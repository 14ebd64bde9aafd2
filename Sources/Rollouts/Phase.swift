/// Where a deployment stands, in one word. Derived from `RolloutState.course`. `PhaseTable` lists the transitions.
package enum Phase: String, CaseIterable, Codable, Sendable {
    /// Nothing is deployed, or everything is being taken down.
    case idle = "Idle"
    /// The candidate is fetched, loaded and warmed up, and the gates that need no traffic evaluate it.
    case preparing = "Preparing"
    /// The steps run.
    case progressing = "Progressing"
    /// Waits for a time or for a person.
    case paused = "Paused"
    /// All traffic goes to the candidate. The old revision will be retired.
    case promoting = "Promoting"
    /// The old revision is kept warm, and a rollback is still possible.
    case probation = "Probation"
    /// The version in git serves, with all its instances and an open endpoint.
    case healthy = "Healthy"
    /// The deployment does not serve as it should: too few instances are ready, or the endpoint is closed.
    case degraded = "Degraded"
    /// Traffic returns to stable. The candidate will be retired.
    case rollingBack = "RollingBack"
    /// Stable serves, and the version in git is held back or quarantined.
    case rolledBack = "RolledBack"
    /// Even stable cannot serve.
    case failed = "Failed"
}
