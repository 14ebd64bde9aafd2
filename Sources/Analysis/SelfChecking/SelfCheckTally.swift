import RealModule

/// How many rollouts were judged against themselves, and how many of them raised a false alarm.
public struct SelfCheckTally: Codable, Hashable, Sendable {
    public private(set) var rollouts = 0
    public private(set) var falseAlarms = 0
    /// Summed over the rollouts: false alarms that the promises of their gates allow.
    private var allowed = 0.0

    public init() {}

    public mutating func add(_ outcome: SelfCheck.Outcome) {
        rollouts += 1
        if outcome.hasAlarmed { falseAlarms += 1 }
        // Millionths are short to write.
        allowed = ((allowed + outcome.promisedRate) * 1e6).rounded() / 1e6
    }

    /// Of a rollout, on average: 0.01 is 1 in 100.
    public var promisedRate: Double { rollouts > 0 ? min(allowed / Double(rollouts), 1) : 0 }

    /// With a promise that is kept, so many false alarms or more come in fewer than one of a hundred tallies.
    static let significance = 0.01

    /// More false alarms than the promise allows and than chance explains: the lower bound of the observed rate (Clopper and
    /// Pearson 1934, at 99 %) is above the promised one.
    public var isBroken: Bool { falseAlarms > 0 && chanceOfAsMany < Self.significance }

    /// P(X ≥ `falseAlarms`) for X of `rollouts` at the promised rate.
    var chanceOfAsMany: Double {
        let rate = promisedRate
        guard falseAlarms > 0 else { return 1 }
        guard rate > 0 else { return 0 }
        guard rate < 1 else { return 1 }
        // Fewer of them, summed from none on: each from the one before.
        var logTerm = Double(rollouts) * Double.log(onePlus: -rate)
        var fewer = Double.exp(logTerm)
        for count in 1..<max(falseAlarms, 1) {
            logTerm += .log(Double(rollouts - count + 1) / Double(count)) + .log(rate) - .log(onePlus: -rate)
            fewer += .exp(logTerm)
        }
        return max(0, 1 - fewer)
    }

    // MARK: - For people

    public var summary: SelfCheckSummary {
        SelfCheckSummary(
            rollouts: rollouts, falseAlarms: falseAlarms, promisedRate: promisedRate, isBroken: isBroken,
            reason: [text, advice].compactMap(\.self).joined(separator: ". "))
    }

    /// Such as "of 120 rollouts judged against themselves 9 would have been rolled back; promised: 1 in 100".
    private var text: String {
        let promised =
            promisedRate > 0 ? "1 in \(EvidenceText.count(Int(countable: (1 / promisedRate).rounded())))" : "none"
        return
            "of \(EvidenceText.count(rollouts, "rollout")) judged against themselves \(EvidenceText.count(falseAlarms)) "
            + "would have been rolled back; promised: \(promised)"
    }

    /// What follows; nil where the promise is kept as far as is known.
    private var advice: String? {
        guard isBroken else { return nil }
        return
            "Failures here come in clumps that the gates do not see as such: look at what fails together for longer than a "
            + "moment (a dependency, a restart, a noisy neighbour), and set a smaller falseRollbackRate until then"
    }
}

/// How often the gates of a deployment would have rolled back a rollout of stable against itself.
public struct SelfCheckSummary: Hashable, Codable, Sendable {
    public var rollouts: Int
    public var falseAlarms: Int
    /// As the gates promise, of one rollout.
    public var promisedRate: Double
    /// More false alarms than the promise allows and than chance explains.
    public var isBroken: Bool
    public var reason: String

    public init(rollouts: Int, falseAlarms: Int, promisedRate: Double, isBroken: Bool, reason: String) {
        self.rollouts = rollouts
        self.falseAlarms = falseAlarms
        self.promisedRate = promisedRate
        self.isBroken = isBroken
        self.reason = reason
    }
}
