import Foundation
import ModelManifests
import Rollouts
import Serving

/// A command that waits for its deployment's next pass.
struct PendingCommand {
    var number: UInt64
    var command: OperatorCommand
    var reply: CheckedContinuation<Void, any Error>
}

/// What is kept in memory of one deployment.
struct Entry {
    /// Where its record is, or its instances without a record; nil while there is neither.
    var site: SiteName?
    var state: RolloutState?
    var version: Int?
    /// `decidedAt` of the state that was written last; nil where what is in memory has yet to be written.
    var writtenAt: Date?
    /// The quarantine of which the store has a second copy; nil: of none so far.
    var notedQuarantine: [Quarantine]??
    /// Decisions that were carried out and are not in the record yet; nil where there are none.
    var unwritten: UnwrittenDecisions?
    /// Why its record cannot be read: nothing is decided and nothing is overwritten. Nil where it can.
    var unreadableRecord: String?
    /// A write that was given up came through after all: the record is read again before the next decision.
    var mustReload = false
    var observed: Observation?
    /// When that was so; nil where nothing was seen in this term.
    var observedAt: Date?
    /// An observation that came after its pass had given it up: the next pass takes it.
    var lateObservation: Observation?
    /// What the site refused to be told.
    var refusedAnnouncement: Announced?
    /// What the backend was last told, in this term.
    var plan: ServingPlan?
    /// `plan` was carried out after its pass had given it up: the next pass has nothing to do for it.
    var isAppliedLate = false
    /// Of the candidate's last failing requests, as last read.
    var failedRequestIds: [String] = []
    /// Requests that were meant for a revision and that none of its instances could take, as last read.
    var unavailable: [Revision: Int] = [:]
    /// Requests whose clients gave up, as last read.
    var abandoned: [Revision: Int] = [:]
    /// What the instances of a revision cost, as last read.
    var costs: [Revision: InstanceCost] = [:]
    /// Why some part of its passes is not done.
    var troubles = PassTroubles()
    /// Steps that failed and are not tried again before their time.
    var retries: [PassStep: StepRetry] = [:]
    /// How what failed in the last pass may be tried again.
    var failure: RetryClass?
    /// The commit that the last pass went by.
    var commit: String?
    var pin: Pin?
    /// Since when its manifest in git is invalid; nil while it is not.
    var invalidSince: Date?
    /// What the project's policy says of the candidate in flight; nil where it was not asked.
    var policyAnswer: PolicyAnswer?
    /// What could not be pinned last.
    var failedPin: ModelSource?
    var firstSeenAt: Date
    var commands: [PendingCommand] = []
    var passWaiters: [CheckedContinuation<Void, Never>] = []
    /// Questions that are being put, by their id.
    var inquiries: [String: OpenInquiry] = [:]
    /// Answers that wait for the next pass.
    var findings: [Finding] = []

    var problem: String? { troubles.text }
}

/// A question that is being put.
struct OpenInquiry {
    var question: Inquiry.Question
    var task: Task<Void, Never>
}

/// The digest that mutable model files were found to have.
struct Pin {
    var model: ModelSource
    var digest: Digest?
    /// A newer commit, or a newer look at git, asks again.
    var isFresh: Bool
}

/// What was decided, and carried out, while it could not be recorded: it took traffic away from a candidate.
struct UnwrittenDecisions: Equatable {
    /// With the times at which they were decided.
    var events: [RolloutEvent]
    /// The write that is under way with `attemptedEvents` of them, if it has not ended.
    var attempt: UInt64?
    var attemptedEvents = 0
}

/// The parts of a pass that can fail each for itself, the most important first.
enum PassStep: Int, CaseIterable, Comparable, Sendable {
    /// Where it is served.
    case place
    case record
    case observing
    case announcing
    case pinning
    case readings
    case applying

    static func < (left: PassStep, right: PassStep) -> Bool { left.rawValue < right.rawValue }
}

/// Why parts of the last pass were not done, and what to do.
struct PassTroubles: Equatable {
    private var texts: [PassStep: String] = [:]
    /// When each began, as of the last pass that ended.
    private var begun: [PassStep: Date] = [:]

    subscript(step: PassStep) -> String? {
        get { texts[step] }
        set { texts[step] = newValue }
    }

    /// Something has to be tried again.
    var failed: Bool {
        [PassStep.record, .observing, .announcing, .applying].contains { texts[$0] != nil }
    }

    /// Nothing is in the way but what is tried again.
    var isRetried: Bool {
        !texts.isEmpty && texts.keys.allSatisfy { [.record, .observing, .pinning, .readings, .applying].contains($0) }
    }

    /// After each pass: what is new began now, and what is over is forgotten.
    mutating func settle(at now: Date) {
        begun = texts.reduce(into: [:]) { $0[$1.key] = begun[$1.key] ?? now }
    }

    func since(_ step: PassStep) -> Date? { begun[step] }

    /// When the oldest of them began.
    var since: Date? { begun.values.min() }

    /// Nil while all is well.
    var text: String? {
        texts.isEmpty ? nil : texts.sorted { $0.key < $1.key }.map(\.value).joined(separator: "; ")
    }
}

/// What a site was told of a deployment.
enum Announced: Equatable {
    case announced(Announcement)
    case removed
}

/// When a step that failed is tried again with the same input.
struct StepRetry {
    static let firstSeconds = 0.5
    static let mostSeconds = 30.0

    var failures = 0
    var notBefore = Date.distantPast

    mutating func failed(at now: Date) {
        failures += 1
        let seconds = min(Self.mostSeconds, Self.firstSeconds * pow(2, Double(min(failures - 1, 16))))
        notBefore = now.addingTimeInterval(seconds)
    }
}
