import ControlPorts

/// A column of `mlctl status -o wide` that is shown only where a value is not zero.
package struct ProblemColumn: Sendable {
    package var header: String
    package var count: @Sendable (DeploymentStatus) -> Int

    package static let all: [ProblemColumn] = [
        ProblemColumn(header: "RESTARTS") { $0.sum(\.restarts) },
        ProblemColumn(header: "EJECTED") { $0.sum(\.ejected) },
        ProblemColumn(header: "UNAVAILABLE") { $0.sum(\.unavailable) },
        ProblemColumn(header: "ABANDONED") { $0.sum(\.abandoned) },
        ProblemColumn(header: "CUT") { $0.cutRequests ?? 0 },
        ProblemColumn(header: "REFUSED") { $0.refusedConnections ?? 0 },
    ]

    package func isAny(_ deployment: DeploymentStatus) -> Bool { count(deployment) > 0 }

    package func cell(_ deployment: DeploymentStatus) -> TextTable.Cell {
        let count = count(deployment)
        return count == 0 ? .none : TextTable.Cell("\(count)", .warning)
    }
}

extension DeploymentStatus {
    /// The sum over stable and candidate.
    fileprivate func sum(_ count: (RevisionStatus) -> Int?) -> Int {
        [stable, candidate].compactMap(\.self).reduce(0) { $0 + (count($1) ?? 0) }
    }
}
