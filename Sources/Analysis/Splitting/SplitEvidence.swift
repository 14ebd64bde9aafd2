import RealModule
import Serving

extension SplitCounters {
    /// In no gate's evidence, and nobody but the revision and its clients had to do with it.
    public var missing: Int { givenUp + lost }

    fileprivate var isNothing: Bool { self == SplitCounters() }

    public static func + (left: SplitCounters, right: SplitCounters) -> SplitCounters {
        SplitCounters(
            drawn: left.drawn + right.drawn, ended: left.ended + right.ended, givenUp: left.givenUp + right.givenUp,
            turnedAway: left.turnedAway + right.turnedAway, lost: left.lost + right.lost)
    }

    public static func += (left: inout SplitCounters, right: SplitCounters) { left = left + right }

    fileprivate var fates: Trials { Trials(count: Double(ended + missing), successes: Double(missing)) }
}

/// Sample ratio mismatch: whether both sides were given what was asked for, and whether the evidence has all of it.
///
/// A comparison is of no use if requests are missing on one side only: those that are left are not like the others.
///
/// # Guarantees
/// - Where the split is as asked, and both sides lose the same share of their requests, a mismatch is found with a probability
///   of at most `falseAlarmRate` over the whole rollout, at whatever moments and however often one looks.
///
/// # Assumptions
/// - Each request is drawn by the weights, whatever the others are. That is so for requests of one connection too: each is
///   drawn anew. Blocks with exact shares are nearer to what was asked than independent draws, which is on the safe side.
/// - Of a sticky route, users who come for the first time. Those that a proxy has forgotten, or that come again after it was
///   started anew, are no new users: `beginAnew` keeps their evidence apart.
public struct SplitEvidence: Codable, Hashable, Sendable {
    /// Of finding a mismatch where there is none: half for the split, half for what is missing.
    public static let falseAlarmRate = 0.001
    /// So much more of its requests may be missing on one side than on the other. Impatient clients of a candidate that is
    /// somewhat slower are no reason to stop.
    public static let toleratedLoss = 0.05

    public enum Mismatch: String, Codable, Sendable {
        /// The weights were not followed.
        case share
        /// Much more of the candidate's requests is missing than of stable's, or the other way round.
        case candidateLoses, stableLoses
    }

    private var shares = ShareEvidence()
    private var candidateLoses = Self.comparison
    private var stableLoses = Self.comparison
    public private(set) var stable = SplitCounters()
    public private(set) var candidate = SplitCounters()
    /// Of the requests that were drawn, as many as the candidate was to have.
    public private(set) var asked = 0.0
    /// Stays once it was found.
    public private(set) var mismatch: Mismatch?

    public init() {}

    /// - Parameter share: the candidate's, as asked for through all of the look: 0…1.
    public mutating func absorb(stable: SplitCounters, candidate: SplitCounters, share: Double) {
        guard !stable.isNothing || !candidate.isNothing else { return }
        self.stable = self.stable + stable
        self.candidate = self.candidate + candidate
        asked += share * Double(stable.drawn + candidate.drawn)
        shares.absorb(candidate: candidate.drawn, stable: stable.drawn, share: share)
        candidateLoses.absorb(RateBlock(stable: stable.fates, candidate: candidate.fates))
        stableLoses.absorb(RateBlock(stable: candidate.fates, candidate: stable.fates))
        mismatch = mismatch ?? found
    }

    /// The proxy counts anew, and may take users for new ones that it had before.
    public mutating func beginAnew() { shares.beginAnew() }

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

    /// What was found, in numbers: the split first where that is wrong, and where requests were lost.
    public var reason: String {
        let drawn = stable.drawn + candidate.drawn
        guard drawn > 0 else { return "no requests were split yet" }
        let part = Double(candidate.drawn) / Double(drawn)
        let split =
            "\(EvidenceText.count(candidate.drawn)) of \(EvidenceText.count(drawn, "request")) "
            + "(\(EvidenceText.percent(part))) were given to the candidate, \(EvidenceText.count(asked.rounded())) "
            + "(\(EvidenceText.percent(asked / Double(drawn)))) were asked for"
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
            "no gate has \(EvidenceText.percent(share)) of the requests of \(side) (\(causes.joined(separator: ", ")))"
    }

    private var turnedAway: String? {
        guard candidate.turnedAway + stable.turnedAway > 0 else { return nil }
        return "the proxy turned away \(EvidenceText.count(candidate.turnedAway)) of the candidate's and "
            + "\(EvidenceText.count(stable.turnedAway)) of stable's, which is no mismatch"
    }
}
