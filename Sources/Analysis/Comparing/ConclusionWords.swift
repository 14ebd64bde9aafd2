import RealModule

/// What a gate concludes, at which odds, and what is still to be shown.
struct ConclusionWords {
    /// What is excluded by a failure, such as "within tolerance".
    var fail: String
    var pass: String
    var logFail: Double
    var logPass: Double
    var samplesToGo: Int

    func text(_ verdict: Verdict, _ rates: EvidenceRates) -> String {
        let failed = EvidenceText.conclusion(fail, logFail)
        let passed = EvidenceText.conclusion(pass, logPass)
        switch verdict {
        case .fail: return failed
        case .pass: return passed
        case .insufficient:
            let passes = EvidenceText.odds(-.log(rates.missedRegressionRate))
            let fails = EvidenceText.odds(-.log(rates.alpha))
            let text = "undecided: \(passed) (pass at \(passes)), \(failed) (fail at \(fails))"
            return samplesToGo > 0 ? "\(text); \(EvidenceText.count(samplesToGo, "sample")) to go" : text
        }
    }
}
