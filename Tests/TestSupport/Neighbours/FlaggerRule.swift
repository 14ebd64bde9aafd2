/// Flagger's `request-success-rate` (docs.flagger.app: "How it works", "Deployment strategies", "Metrics"): at every
/// interval the success rate of the last window is compared with a bound. `threshold` failed checks, in a row or not, roll
/// back; `iterations` passed checks promote.
///
/// In its favour: it rolls back at the last failed check, while the real one does so an interval later.
package struct FlaggerRule: PeerRule {
    /// Share of requests, 0…1: `thresholdRange: {min: 99}` is 0.99.
    package var minimumSuccessRate: Double
    /// `threshold`: the number of failed checks that rolls back.
    package var threshold: Int
    /// `iterations`: the number of passed checks that promotes.
    package var iterations: Int

    package init(minimumSuccessRate: Double = 0.99, threshold: Int = 5, iterations: Int = 10) {
        self.minimumSuccessRate = minimumSuccessRate
        self.threshold = threshold
        self.iterations = iterations
    }

    package func end(of minutes: [CanaryMinute]) -> CanaryEnd {
        var (failed, passed) = (0, 0)
        for (index, minute) in minutes.enumerated() {
            // "No values found" halts the advancement: a failed check.
            let passes = minute.candidate.errorRate.map { 1 - $0 >= minimumSuccessRate } ?? false
            if passes { passed += 1 } else { failed += 1 }
            if failed >= threshold { return .rolledBack(minute: index + 1) }
            if passed >= iterations { return .promoted(minute: index + 1) }
        }
        return .undecided
    }
}
