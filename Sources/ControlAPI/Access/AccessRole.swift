/// What a token may do. Each role includes the permissions of the roles before it. `metrics` is separate.
package enum AccessRole: String, CaseIterable, Codable, Sendable {
    /// Reads status, events, histories, explanations and readings.
    case viewer
    /// Acts on deployments, reads their servers' logs, and reports outcomes.
    case `operator`
    /// May do everything, including a check of git on request.
    case admin
    /// Reads only `/metrics` and the scrape targets for Prometheus.
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

/// What a request needs permission for. Each path of the API needs one of these.
enum AccessPermission: Hashable, CaseIterable, Sendable {
    /// Read status, events, histories, explanations and readings, and whether one commit is an ancestor of another.
    case look
    /// Read metrics and scrape targets.
    case measure
    case readLogs
    case act
    case report
    case sync

    /// The lowest role with this permission.
    var neededRole: AccessRole {
        switch self {
        case .look: .viewer
        case .measure: .metrics
        case .readLogs, .act, .report: .operator
        case .sync: .admin
        }
    }

    /// Completes the sentence "the role operator is needed: this …".
    var words: String {
        switch self {
        case .look: "reads what the controller knows"
        case .measure: "reads metrics"
        case .readLogs: "reads a server's log"
        case .act: "acts on a deployment"
        case .report: "reports outcomes"
        case .sync: "makes the controller check git"
        }
    }
}
