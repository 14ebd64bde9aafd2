/// Kayenta's judge NetflixACA on one metric, the share of errors in each minute (github.com/spinnaker/kayenta: `docs/`,
/// `NetflixACAJudge`, `MannWhitneyClassifier`). The metric is High if the 98 % interval of the shift from the baseline to the
/// canary lies above a quarter of the estimated shift. One metric scores 100 or 0, so `pass: 95` and `marginal: 75` mean the
/// same.
package struct KayentaRule: PeerRule {
    package static let tolerance = 0.25
    /// The standard normal quantile at 0.99, for a confidence of 0.98.
    package static let quantile = 2.3263478740408408

    /// The minutes between two judgements. Each uses all data since the start; a bad one ends the canary at once.
    package var analysisIntervalMinutes: Int
    package var lifetimeMinutes: Int

    package init(analysisIntervalMinutes: Int = 60, lifetimeMinutes: Int = 60) {
        self.analysisIntervalMinutes = analysisIntervalMinutes
        self.lifetimeMinutes = lifetimeMinutes
    }

    package func end(of minutes: [CanaryMinute]) -> CanaryEnd {
        for minute in stride(from: analysisIntervalMinutes, through: lifetimeMinutes, by: analysisIntervalMinutes) {
            guard minute <= minutes.count else { return .undecided }
            // `nanStrategy: replace`, as advised for counts of errors: no value counts as 0.
            let experiment = minutes.prefix(minute).map { 100 * ($0.candidate.errorRate ?? 0) }
            let control = minutes.prefix(minute).map { 100 * ($0.baseline.errorRate ?? 0) }
            if Self.isHigh(experiment: experiment, control: control) { return .rolledBack(minute: minute) }
        }
        return .promoted(minute: lifetimeMinutes)
    }

    /// `direction: increase`: only an increase counts.
    package static func isHigh(experiment: [Double], control: [Double]) -> Bool {
        // No data, or the same data, passes.
        guard !experiment.isEmpty, !control.isEmpty, experiment.sorted() != control.sorted() else { return false }
        let test = MannWhitney(experiment, control, quantile: quantile)
        guard test.lower > tolerance * abs(test.estimate) else { return false }
        // `allowedIncrease: 1`: the ratio of means must be above it too, if neither mean is 0.
        let means = (mean(experiment), mean(control))
        return means.0 == 0 || means.1 == 0 || means.0 >= means.1
    }

    private static func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
}
