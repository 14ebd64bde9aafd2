/// Where a deployment is, in one word. Derived from `RolloutState.course`; what leads where is in `PhaseTable`.
public enum Phase: String, CaseIterable, Codable, Sendable {
    /// Nothing is deployed, or all of it is being taken down.
    case idle = "Idle"
    /// The candidate is fetched, loaded, warmed up, and judged by what needs no traffic.
    case preparing = "Preparing"
    /// Steps are taken.
    case progressing = "Progressing"
    /// Waits for a clock or for a person.
    case paused = "Paused"
    /// All traffic goes to the candidate; the old revision is about to be retired.
    case promoting = "Promoting"
    /// The old revision is kept warm and can still come back.
    case probation = "Probation"
    /// What git asks for serves, with all its instances and an open endpoint.
    case healthy = "Healthy"
    /// What should serve does not serve as it should: too few instances are ready, or the endpoint is closed.
    case degraded = "Degraded"
    /// Traffic goes back to stable; the candidate is about to be retired.
    case rollingBack = "RollingBack"
    /// Stable serves, and what git asks for is held off.
    case rolledBack = "RolledBack"
    /// Even stable cannot be made to serve.
    case failed = "Failed"
}
