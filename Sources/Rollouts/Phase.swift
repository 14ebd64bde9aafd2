/// Where a deployment is. `healthy` and `rolledBack` rest.
public enum Phase: String, CaseIterable, Codable, Sendable {
    /// Nothing is deployed. Can transition to: `preparing`.
    case idle = "Idle"
    /// Prefetch, load, warm up, ready. Can transition to: `progressing`, `promoting`, `rollingBack`, `healthy`, `failed`.
    case preparing = "Preparing"
    /// Steps are taken. Can transition to: `paused`, `promoting`, `rollingBack`, `preparing`.
    case progressing = "Progressing"
    /// Waits for a person. Can transition to: `progressing`, `promoting`, `rollingBack`, `preparing`.
    case paused = "Paused"
    /// All traffic is the candidate's; the old revision is about to be retired. Can transition to: `probation`, `healthy`.
    case promoting = "Promoting"
    /// The old revision is kept warm and can still come back. Can transition to: `healthy`, `rollingBack`, `preparing`.
    case probation = "Probation"
    /// Rests. Can transition to: `preparing`, `failed`.
    case healthy = "Healthy"
    /// All traffic is stable's again; the candidate is about to be retired. Can transition to: `rolledBack`.
    case rollingBack = "RollingBack"
    /// Rests. Can transition to: `preparing`, `healthy`, `failed`.
    case rolledBack = "RolledBack"
    /// Even stable cannot be made to serve. Can transition to: `preparing`, `healthy`.
    case failed = "Failed"
}
