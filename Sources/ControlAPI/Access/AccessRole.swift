/// What a token may do. Roles above have all that those below have, but for `metrics`, which stands beside them.
public enum AccessRole: String, CaseIterable, Codable, Sendable {
    /// Reads the status, events, histories, explanations and readings.
    case viewer
    /// Acts on deployments, reads their servers' logs, and reports outcomes.
    case `operator`
    /// Everything, and looks at git when asked.
    case admin
    /// Reads `/metrics` and the targets for Prometheus, and nothing else.
    case metrics

    func allows(_ permission: AccessPermission) -> Bool {
        switch permission {
        case .look: self != .metrics
        case .measure: true
        case .readLogs, .act, .report: self == .operator || self == .admin
        case .sync: self == .admin
        }
    }
}

/// What a request wants to do. Each path of the API wants one of these.
enum AccessPermission: Hashable, CaseIterable, Sendable {
    /// Status, events, histories, explanations, readings, and whether a commit follows another.
    case look
    /// Metrics and scrape targets.
    case measure
    case readLogs
    case act
    case report
    case sync

    /// The least role that has it: what to ask for.
    var neededRole: AccessRole {
        switch self {
        case .look: .viewer
        case .measure: .metrics
        case .readLogs, .act, .report: .operator
        case .sync: .admin
        }
    }

    /// Completes "…, which wants the role operator".
    var words: String {
        switch self {
        case .look: "reads what the controller knows"
        case .measure: "reads metrics"
        case .readLogs: "reads a server's log"
        case .act: "acts on a deployment"
        case .report: "reports outcomes"
        case .sync: "makes the controller look at git"
        }
    }
}
