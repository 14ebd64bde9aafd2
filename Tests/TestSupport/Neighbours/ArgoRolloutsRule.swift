/// An `AnalysisRun` of Argo Rollouts (argo-rollouts.readthedocs.io: "Analysis & Progressive Delivery"):
/// `successCondition: result >= 0.95`, measured `count` times, `interval: 60s`. More failed measurements than
/// `failureLimit` fail the run; else it is successful once all are taken.
///
/// Taken in its favour: each measurement is the whole minute's rate, where the documents' `irate` sees two scrapes.
public struct ArgoRolloutsRule: NeighbourRule {
    /// Of requests, 0…1.
    public var minimumSuccessRate: Double
    public var count: Int
    public var failureLimit: Int

    public init(minimumSuccessRate: Double = 0.95, count: Int = 5, failureLimit: Int = 3) {
        self.minimumSuccessRate = minimumSuccessRate
        self.count = count
        self.failureLimit = failureLimit
    }

    public func end(of minutes: [CanaryMinute]) -> CanaryEnd {
        var failed = 0
        for (index, minute) in minutes.prefix(count).enumerated() {
            // Nothing over nothing is not a number, and that is not at least anything.
            let succeeds = minute.candidate.errorRate.map { 1 - $0 >= minimumSuccessRate } ?? false
            if !succeeds { failed += 1 }
            if failed > failureLimit { return .rolledBack(minute: index + 1) }
        }
        return minutes.count >= count ? .promoted(minute: count) : .undecided
    }
}
