import Analysis
import Foundation
import ModelManifests
import Serving

/// Follows how requests are split between stable and candidate, from one look to the next.
///
/// A look counts only where the same share was asked for, and was in force, all through it: it was confirmed at both looks
/// before, and is now. So nothing is said about moments at which weights change, proxies come or go, or a revision is without
/// an instance.
struct SplitWatch: Codable, Equatable, Sendable {
    private struct Baseline: Codable, Equatable, Sendable {
        var epoch: String
        var counters: SplitCounters
    }

    /// Looks in a row after which a share is in force for certain: what is observed and what is counted may be a look apart.
    private static let settlingLooks = 2

    /// So long a mismatch has to last before a person is asked. A candidate that hangs loses its requests, too, and fails by
    /// them: its gates need no person, and a few looks longer.
    static let patience: TimeInterval = 10

    private(set) var evidence = SplitEvidence()
    /// Since when there is a mismatch; nil where there is none, and in records of before.
    private var mismatchedSince: Date?
    /// A person has let the rollout go on all the same.
    var isOverridden = false
    /// By the reading's instance: of the last look.
    private var baselines: [String: Baseline] = [:]
    /// The candidate's share, in per cent.
    private var share: Int?
    private var settled = 0

    func isForPerson(at now: Date) -> Bool {
        mismatchedSince.map { now.timeIntervalSince($0) >= Self.patience } ?? true
    }

    var isEmpty: Bool { baselines.isEmpty && evidence == SplitEvidence() }

    /// - Parameters:
    ///   - share: the candidate's, as asked for since the last look, in per cent.
    ///   - isInForce: the data plane confirms it.
    mutating func look(
        at readings: [Reading], stable: Revision, candidate: Revision, share: Int, isInForce: Bool, now: Date
    ) {
        var latest: [String: Baseline] = [:]
        var added: [Revision: SplitCounters] = [:]
        var isWhole = true
        for reading in readings where reading.revision == stable || reading.revision == candidate {
            guard let counters = reading.split else { continue }
            latest[reading.instance] = Baseline(epoch: reading.epoch, counters: counters)
            let before = baselines[reading.instance]
            if let before, before.epoch != reading.epoch { evidence.beginAnew() }
            guard let before, before.epoch == reading.epoch, let since = counters.since(before.counters) else {
                isWhole = false
                continue
            }
            added[reading.revision, default: SplitCounters()] += since
        }
        isWhole = isWhole && latest.count == baselines.count
        baselines = latest
        let isSettled = isInForce && share == self.share
        if isSettled, isWhole, settled >= Self.settlingLooks, (1...99).contains(share) {
            evidence.absorb(
                stable: added[stable] ?? SplitCounters(), candidate: added[candidate] ?? SplitCounters(),
                share: Double(share) / 100)
        }
        if evidence.mismatch != nil, mismatchedSince == nil { mismatchedSince = now }
        settled = isSettled ? min(settled + 1, Self.settlingLooks) : isInForce ? 1 : 0
        self.share = share
    }
}

extension Rollout {
    /// How the split of requests stands, for people; nil before there was any.
    public var splitSummary: SplitSummary? {
        guard let split, split.evidence.candidate.drawn + split.evidence.stable.drawn > 0 else { return nil }
        let evidence = split.evidence
        return SplitSummary(
            isMismatched: evidence.mismatch != nil, requests: evidence.stable.drawn + evidence.candidate.drawn,
            candidate: evidence.candidate.drawn, asked: Int(evidence.asked.rounded()),
            candidateMissing: evidence.candidate.missing,
            stableMissing: evidence.stable.missing, reason: evidence.reason)
    }

    /// Why the gates' evidence is not of what it should be; nil where it is, and where a person went past it.
    var splitMismatch: String? {
        guard let split, isSplitInDoubt else { return nil }
        return "requests are not split as asked: \(split.evidence.reason)"
    }

    /// The gates' evidence is not of what it should be, and no person went past that: nothing goes on.
    var isSplitInDoubt: Bool {
        guard let split else { return false }
        return !split.isOverridden && split.evidence.mismatch != nil
    }

    /// Nothing but a person can help: no gate has failed the candidate meanwhile.
    func isSplitForPerson(at now: Date) -> Bool { split?.isForPerson(at: now) ?? false }
}

/// The observed split of requests against the one that was asked for, since the rollout began.
public struct SplitSummary: Hashable, Codable, Sendable {
    /// The difference is none that chance would bring once in 1,000 rollouts.
    public var isMismatched: Bool
    /// Of both sides; new users where routing is sticky.
    public var requests: Int
    /// Those of them that were given to the candidate.
    public var candidate: Int
    /// As many as it was to have.
    public var asked: Int
    /// Of the candidate, in no gate's evidence: its client gave up, or it was broken off.
    public var candidateMissing: Int
    public var stableMissing: Int
    /// In words, and where requests were lost.
    public var reason: String

    public init(
        isMismatched: Bool, requests: Int, candidate: Int, asked: Int, candidateMissing: Int, stableMissing: Int,
        reason: String
    ) {
        self.isMismatched = isMismatched
        self.requests = requests
        self.candidate = candidate
        self.asked = asked
        self.candidateMissing = candidateMissing
        self.stableMissing = stableMissing
        self.reason = reason
    }
}
