import RealModule

/// Splits one side's requests at random into two sides that are equal by construction, as a rollout splits its traffic.
///
/// All failures of one event go to one side, because they occurred at one instance, which has one revision. Otherwise
/// one event would become two, and the effect of clumps on the guarantee would be hidden.
struct TrialsSplitter: Codable, Hashable, Sendable {
    private var draws: SelfCheckRandomness
    /// Whether the last event went to the second side. It may continue.
    private var wasSecond = false

    init(seed: UInt64) { draws = SelfCheckRandomness(seed: seed) }

    /// - Parameter share: the share of the second side, which stands for a candidate: above 0, below 1.
    mutating func block(_ trials: Trials, share: Double) -> RateBlock {
        let failures = Int(countable: trials.successes.rounded())
        let successes = Int(countable: (trials.count - trials.successes).rounded())
        let together = trials.together.map { max($0, trials.successes) }
        let size = Self.eventSize(failures: failures, together: together)
        var rest = failures
        var failed = 0
        // The event began before this look.
        var goesOn = failures > 0 && (together ?? 0) > trials.successes * trials.successes
        while rest > 0 {
            let event = min(size, rest)
            if !goesOn { wasSecond = draws.isHit(share) }
            goesOn = false
            if wasSecond { failed += event }
            rest -= event
        }
        let served = draws.hits(of: successes, share)
        func side(_ served: Int, _ failed: Int) -> Trials {
            Trials(
                count: Double(served + failed), successes: Double(failed),
                together: together.map { failures > 0 ? $0 * Double(failed) / Double(failures) : 0 })
        }
        return RateBlock(
            stable: side(successes - served, failures - failed), candidate: side(served, failed))
    }

    /// The mean size of the event that a failure belongs to. If the source cannot tell, all failures of a look are one
    /// event.
    private static func eventSize(failures: Int, together: Double?) -> Int {
        guard failures > 0 else { return 1 }
        guard let together else { return failures }
        return max(1, Int(countable: (together / Double(failures)).rounded()))
    }
}
