import Controller

/// A column of `mlctl status -o wide` that is shown only where a value is not zero.
struct TroubleColumn: Sendable {
    var header: String
    var count: @Sendable (DeploymentStatus) -> Int

    static let all: [TroubleColumn] = [
        TroubleColumn(header: "RESTARTS") { $0.sum(\.restarts) },
        TroubleColumn(header: "EJECTED") { $0.sum(\.ejected) },
        TroubleColumn(header: "UNAVAILABLE") { $0.sum(\.unavailable) },
        TroubleColumn(header: "ABANDONED") { $0.sum(\.abandoned) },
        TroubleColumn(header: "CUT") { $0.cutRequests ?? 0 },
        TroubleColumn(header: "REFUSED") { $0.refusedConnections ?? 0 },
    ]

    func isAny(_ deployment: DeploymentStatus) -> Bool { count(deployment) > 0 }

    func cell(_ deployment: DeploymentStatus) -> TextTable.Cell {
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
