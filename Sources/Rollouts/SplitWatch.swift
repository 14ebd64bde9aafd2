import Analysis
import Foundation
import ModelManifests
import Serving

/// Checks how requests are split between stable and candidate, from one look to the next.
///
/// A look counts only if the same share was requested and in force throughout: it was confirmed at the two looks
/// before, and is confirmed now. So moments in which weights change, proxies come or go, or a revision has no instance
/// say nothing.
struct SplitWatch: Codable, Equatable, Sendable {
    private struct Baseline: Codable, Equatable, Sendable {
        var epoch: String
        var counters: SplitCounters
    }

    /// The number of consecutive looks after which a share is certainly in force: the observation and the counters may
    /// be one look apart.
    private static let settlingLooks = 2

    /// So long a mismatch has to last before a person is asked. A candidate that hangs loses its requests, too, and fails by
    /// them: its gates need no person, and a few looks longer.
    static let patience: TimeInterval = 10

    private(set) var evidence = SplitEvidence()
    /// Since when there is a mismatch; nil where there is none, and in records of before.
    private var mismatchedSince: Date?
    /// A person let the rollout continue despite the mismatch.
    var isOverridden = false
    /// The counters of the last look, by the reading's `instance`.
    private var baselines: [String: Baseline] = [:]
    /// The candidate's share, in percent.
    private var share: Int?
    private var settled = 0

    func isForPerson(at now: Date) -> Bool {
        mismatchedSince.map { now.timeIntervalSince($0) >= Self.patience } ?? true
    }

    var isEmpty: Bool { baselines.isEmpty && evidence == SplitEvidence() }

    /// - Parameters:
    ///   - share: the candidate's requested share since the last look, in percent.
    ///   - isInForce: whether the data plane confirms it.
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
            if let before, before.epoch != reading.epoch { evidence.startNewEpoch() }
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
    /// The split of requests, for display. Nil before there were any.
    package var splitSummary: SplitSummary? {
        guard let split, split.evidence.candidate.drawn + split.evidence.stable.drawn > 0 else { return nil }
        let evidence = split.evidence
        return SplitSummary(
            isMismatched: evidence.mismatch != nil, requests: evidence.stable.drawn + evidence.candidate.drawn,
            candidate: evidence.candidate.drawn, asked: Int(evidence.asked.rounded()),
            candidateMissing: evidence.candidate.missing,
            stableMissing: evidence.stable.missing, reason: evidence.reason)
    }

    /// Why the evidence cannot be trusted because of the split. Nil if it can, or if a person overrode the mismatch.
    var splitMismatch: String? {
        guard let split, isSplitInDoubt else { return nil }
        return "requests are not split as intended: \(split.evidence.reason)"
    }

    /// The gates' evidence is not of what it should be, and no person went past that: nothing goes on.
    var isSplitInDoubt: Bool {
        guard let split else { return false }
        return !split.isOverridden && split.evidence.mismatch != nil
    }

    /// Nothing but a person can help: no gate has failed the candidate meanwhile.
    func isSplitForPerson(at now: Date) -> Bool { split?.isForPerson(at: now) ?? false }
}

/// The observed split of requests compared with the requested one, since the rollout began.
package struct SplitSummary: Hashable, Codable, Sendable {
    /// The difference is larger than chance would cause in one of 1,000 rollouts.
    package var isMismatched: Bool
    /// The requests of both sides. With sticky routing, new users.
    package var requests: Int
    /// Those of them that the candidate got.
    package var candidate: Int
    /// The number that the candidate should have got.
    package var asked: Int
    /// The candidate's requests that are in no gate's evidence: the client gave up, or the connection broke.
    package var candidateMissing: Int
    package var stableMissing: Int
    /// The result as text, including where requests were lost.
    package var reason: String

    package init(
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
