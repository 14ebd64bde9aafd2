import RealModule
import Serving

extension SplitCounters {
    /// In no gate's evidence, and nobody but the revision and its clients had to do with it.
    package var missing: Int { givenUp + lost }

    fileprivate var isNothing: Bool { self == SplitCounters() }

    package static func + (left: SplitCounters, right: SplitCounters) -> SplitCounters {
        SplitCounters(
            drawn: left.drawn + right.drawn, ended: left.ended + right.ended, givenUp: left.givenUp + right.givenUp,
            turnedAway: left.turnedAway + right.turnedAway, lost: left.lost + right.lost)
    }

    package static func += (left: inout SplitCounters, right: SplitCounters) { left = left + right }

    fileprivate var fates: Trials { Trials(count: Double(ended + missing), successes: Double(missing)) }
}

/// Sample ratio mismatch: tests whether both sides got the requested share, and whether the evidence has all requests.
///
/// A comparison is useless if requests are missing on one side only, because the remaining ones are not comparable.
///
/// # Guarantees
/// - If the split is as requested, and both sides lose the same share of their requests, a mismatch is found with
///   probability at most `falseAlarmRate` over the whole rollout, at any times and however often one looks.
///
/// # Assumptions
/// - Each request is drawn by the weights, independently of the others. That also holds for requests of one connection,
///   because each is drawn separately. Blocks with exact shares are closer to the requested share than independent
///   draws, which is on the safe side.
/// - On a sticky route, users who come for the first time are counted. Users that a proxy has forgotten, or that come
///   again after a proxy restarted, are not new users: `startNewEpoch` keeps their evidence separate.
package struct SplitEvidence: Codable, Hashable, Sendable {
    /// The probability of a false mismatch: half for the split, half for missing requests.
    package static let falseAlarmRate = 0.001
    /// How much larger the missing share may be on one side than on the other. Impatient clients of a somewhat slower
    /// candidate are no reason to stop.
    package static let toleratedLoss = 0.05

    package enum Mismatch: String, Codable, Sendable {
        /// The weights were not followed.
        case share
        /// Much more of the candidate's requests are missing than of stable's, or the other way round.
        case candidateLoses, stableLoses
    }

    private var shares = ShareEvidence()
    private var candidateLoses = Self.comparison
    private var stableLoses = Self.comparison
    package private(set) var stable = SplitCounters()
    package private(set) var candidate = SplitCounters()
    /// Of the requests that were drawn, as many as the candidate was to have.
    package private(set) var asked = 0.0
    /// Stays once it was found.
    package private(set) var mismatch: Mismatch?

    package init() {}

    /// - Parameter share: the candidate's, as asked for through all of the look: 0…1.
    package mutating func absorb(stable: SplitCounters, candidate: SplitCounters, share: Double) {
        guard !stable.isNothing || !candidate.isNothing else { return }
        self.stable = self.stable + stable
        self.candidate = self.candidate + candidate
        asked += share * Double(stable.drawn + candidate.drawn)
        shares.absorb(candidate: candidate.drawn, stable: stable.drawn, share: share)
        candidateLoses.absorb(RateBlock(stable: stable.fates, candidate: candidate.fates))
        stableLoses.absorb(RateBlock(stable: candidate.fates, candidate: stable.fates))
        mismatch = mismatch ?? found
    }

    /// The proxy counts from zero, and may take earlier users for new ones.
    package mutating func startNewEpoch() { shares.startNewEpoch() }

    private var found: Mismatch? {
        if shares.logValue >= -.log(Self.falseAlarmRate / 2) { return .share }
        let target = -Double.log(Self.falseAlarmRate / 4)
        if candidateLoses.logFailEvidence >= target { return .candidateLoses }
        return stableLoses.logFailEvidence >= target ? .stableLoses : nil
    }

    private static var comparison: RateComparison {
        RateComparison(
            relativeTolerance: nil, absoluteTolerance: toleratedLoss, marginRelative: 0,
            marginAbsolute: 2 * toleratedLoss)
    }

    // MARK: - For people

    /// The result with numbers: a wrong split, and where requests were lost; the more important part first.
    package var reason: String {
        let drawn = stable.drawn + candidate.drawn
        guard drawn > 0 else { return "no requests were split yet" }
        let part = Double(candidate.drawn) / Double(drawn)
        let split =
            "\(EvidenceText.count(candidate.drawn)) of \(EvidenceText.count(drawn, "request")) "
            + "(\(EvidenceText.percent(part))) went to the candidate, \(EvidenceText.count(asked.rounded())) "
            + "(\(EvidenceText.percent(asked / Double(drawn)))) were expected"
        let losses = [Self.missing(candidate, "the candidate"), Self.missing(stable, "stable")].compactMap(\.self)
        let parts: [String]
        switch mismatch {
        case .share: parts = [split] + losses
        case .candidateLoses, .stableLoses: parts = losses + [split]
        case nil: parts = [split] + losses
        }
        return (parts + [turnedAway].compactMap(\.self)).joined(separator: "; ")
    }

    private static func missing(_ counts: SplitCounters, _ side: String) -> String? {
        guard counts.missing > 0 else { return nil }
        let share = Double(counts.missing) / Double(counts.ended + counts.missing)
        let causes = [
            counts.givenUp > 0 ? "\(EvidenceText.count(counts.givenUp, "client")) gave up" : nil,
            counts.lost > 0 ? "\(EvidenceText.count(counts.lost)) broken off without an answer" : nil,
        ].compactMap(\.self)
        return
            "no gate sees \(EvidenceText.percent(share)) of the requests of \(side) (\(causes.joined(separator: ", ")))"
    }

    private var turnedAway: String? {
        guard candidate.turnedAway + stable.turnedAway > 0 else { return nil }
        return "the proxy refused \(EvidenceText.count(candidate.turnedAway, "request")) of the candidate and "
            + "\(EvidenceText.count(stable.turnedAway)) of stable, which is not a mismatch"
    }
}
