import ModelManifests

extension CostGate {
    /// What the gate asks, and how it passes and fails, for people.
    var words: GateDescription {
        let allowed = EvidenceText.percent(maxRelativeIncrease)
        let length = EvidenceText.seconds(interval / .seconds(1))
        let floor = minSamples > 0 ? ", on \(EvidenceText.count(minSamples, "sample")) or more" : ""
        let passes = "\(CostStreak.decidingBlocks) blocks in a row, of \(length) or more, were within\(floor)"
        let fails = "more than \(EvidenceText.count(failureLimit, "block")) in a row, of \(length) or more, were above"
        switch metric {
        case .cpuPerRequest:
            return GateDescription(
                asks: "does a request cost the candidate more CPU than stable, by more than \(allowed)?",
                passes: passes,
                fails: fails,
                assumes:
                    "cores are equally fast, and an instance without requests costs the same in both, at most the smallest share of a "
                    + "core that was seen; no promise about false alarms")
        case .memory:
            return GateDescription(
                asks: "does an instance of the candidate hold more memory than one of stable, by more than \(allowed)?",
                passes: passes, fails: fails,
                assumes: "caches that fill with requests are equally full in both; no promise about false alarms")
        case .leak:
            let growth = EvidenceText.bytes(Double(maxBytesPerHour))
            return GateDescription(
                asks:
                    "does the memory of the candidate's instances grow by more than \(growth) an hour beyond stable's?",
                passes: "over \(LeakEvidence.leastPoints) blocks of \(length) or more it does not\(floor)",
                fails:
                    "it does in each third of the last \(LeakEvidence.leastPoints) to \(LeakEvidence.pointLimit) blocks, without "
                    + "a break",
                assumes:
                    "after initialDelay caches are full, or fill more slowly; no promise about false alarms"
            )
        }
    }
}
