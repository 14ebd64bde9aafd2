import RealModule

/// The text of what a gate concludes, at which odds, and what is still missing.
struct ConclusionDescription {
    /// What a failure excludes, for example "being within tolerance".
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
            let text = "undecided: \(passed) (passes at \(passes)), \(failed) (fails at \(fails))"
            return samplesToGo > 0 ? "\(text); \(EvidenceText.count(samplesToGo, "sample")) to go" : text
        }
    }
}
