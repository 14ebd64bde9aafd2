import RealModule

/// The number of rollouts with a self-check, and the number of false alarms in them.
package struct SelfCheckTally: Codable, Hashable, Sendable {
    package private(set) var rollouts = 0
    package private(set) var falseAlarms = 0
    /// The expected false alarms that the guarantees of the gates allow, summed over the rollouts.
    private var allowed = 0.0

    package init() {}

    package mutating func add(_ outcome: SelfCheck.Outcome) {
        rollouts += 1
        if outcome.hasAlarmed { falseAlarms += 1 }
        // Millionths keep the record short.
        allowed = ((allowed + outcome.promisedRate) * 1e6).rounded() / 1e6
    }

    /// The average for one rollout: 0.01 is 1 in 100.
    package var promisedRate: Double { rollouts > 0 ? min(allowed / Double(rollouts), 1) : 0 }

    /// If the guarantee holds, this many false alarms or more occur in fewer than one of a hundred tallies.
    static let significance = 0.01

    /// Whether there are more false alarms than the guarantee allows and chance explains: the lower bound of the
    /// observed rate (Clopper and Pearson 1934, at 99 %) is above the promised rate.
    package var isBroken: Bool { falseAlarms > 0 && chanceOfAsMany < Self.significance }

    /// P(X ≥ `falseAlarms`) for X of `rollouts` at the promised rate.
    var chanceOfAsMany: Double {
        let rate = promisedRate
        guard falseAlarms > 0 else { return 1 }
        guard rate > 0 else { return 0 }
        guard rate < 1 else { return 1 }
        // The probabilities of fewer false alarms, summed from 0 on; each follows from the one before.
        var logTerm = Double(rollouts) * Double.log(onePlus: -rate)
        var fewer = Double.exp(logTerm)
        for count in 1..<max(falseAlarms, 1) {
            logTerm += .log(Double(rollouts - count + 1) / Double(count)) + .log(rate) - .log(onePlus: -rate)
            fewer += .exp(logTerm)
        }
        return max(0, 1 - fewer)
    }

    // MARK: - For people

    package var summary: SelfCheckSummary {
        SelfCheckSummary(
            rollouts: rollouts, falseAlarms: falseAlarms, promisedRate: promisedRate, isBroken: isBroken,
            reason: [text, advice].compactMap(\.self).joined(separator: ". "))
    }

    /// For example "of 120 rollouts compared with themselves, 9 would have been rolled back; promised: 1 in 100".
    private var text: String {
        let promised =
            promisedRate > 0 ? "1 in \(EvidenceText.count(Int(countable: (1 / promisedRate).rounded())))" : "none"
        return
            "of \(EvidenceText.count(rollouts, "rollout")) compared with themselves, \(EvidenceText.count(falseAlarms)) "
            + "would have been rolled back; promised: \(promised)"
    }

    /// What to do. Nil if the guarantee holds as far as is known.
    private var advice: String? {
        guard isBroken else { return nil }
        return
            "Failures here come in clumps that the gates do not recognise: find what makes requests fail together for a longer "
            + "time (a dependency, a restart, a noisy neighbour), and set a smaller falseRollbackRate until that is fixed"
    }
}

/// How often the gates of a deployment would have rolled back a rollout of stable compared with itself.
package struct SelfCheckSummary: Hashable, Codable, Sendable {
    package var rollouts: Int
    package var falseAlarms: Int
    /// The rate that the gates promise, for one rollout.
    package var promisedRate: Double
    /// Whether there are more false alarms than the guarantee allows and chance explains.
    package var isBroken: Bool
    package var reason: String

    package init(rollouts: Int, falseAlarms: Int, promisedRate: Double, isBroken: Bool, reason: String) {
        self.rollouts = rollouts
        self.falseAlarms = falseAlarms
        self.promisedRate = promisedRate
        self.isBroken = isBroken
        self.reason = reason
    }
}
