/// An `AnalysisRun` of Argo Rollouts (argo-rollouts.readthedocs.io: "Analysis & Progressive Delivery"):
/// `successCondition: result >= 0.95`, measured `count` times, `interval: 60s`. More failed measurements than
/// `failureLimit` fail the run; otherwise it succeeds after the last measurement.
///
/// In its favour: each measurement is the rate of the whole minute, while the documentation's `irate` sees two scrapes.
package struct ArgoRolloutsRule: PeerRule {
    /// Share of requests, 0…1.
    package var minimumSuccessRate: Double
    package var count: Int
    package var failureLimit: Int

    package init(minimumSuccessRate: Double = 0.95, count: Int = 5, failureLimit: Int = 3) {
        self.minimumSuccessRate = minimumSuccessRate
        self.count = count
        self.failureLimit = failureLimit
    }

    package func end(of minutes: [CanaryMinute]) -> CanaryEnd {
        var failed = 0
        for (index, minute) in minutes.prefix(count).enumerated() {
            // Zero divided by zero is not a number, so the condition fails.
            let succeeds = minute.candidate.errorRate.map { 1 - $0 >= minimumSuccessRate } ?? false
            if !succeeds { failed += 1 }
            if failed > failureLimit { return .rolledBack(minute: index + 1) }
        }
        return minutes.count >= count ? .promoted(minute: count) : .undecided
    }
}
