import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import Serving
import Transport

/// A command that waits for its deployment's next pass.
struct PendingCommand {
    var number: UInt64
    var command: OperatorCommand
    var reply: CheckedContinuation<Void, any Error>
}

/// What the controller keeps in memory about one deployment.
struct Entry {
    /// The site of its record, or of its instances without a record; nil if there is neither.
    var site: SiteName?
    var state: RolloutState?
    var version: Int?
    /// `decidedAt` of the state that was written last; nil if the state in memory must be written.
    var writtenAt: Date?
    /// The quarantine of which the store has a second copy; nil if it has none so far.
    var notedQuarantine: [Quarantine]??
    /// Decisions that were carried out but are not recorded yet; nil if there are none.
    var unwritten: UnrecordedDecisions?
    /// Why its record cannot be read; nil if it can. Meanwhile nothing is decided, and the record is not overwritten.
    var unreadableRecord: String?
    /// A write that had timed out succeeded later, so the record must be read again before the next decision.
    var mustReload = false
    var observed: Observation?
    /// When `observed` was current; nil if nothing was observed in this term.
    var observedAt: Date?
    /// An observation that came too late for its pass: the next pass uses it.
    var lateObservation: Observation?
    /// The announcement that the site last failed to accept.
    var refusedAnnouncement: MirrorUpdate?
    /// The last plan that the backend was told, in this term.
    var plan: ServingPlan?
    /// Whether `plan` was applied after its pass had stopped waiting: the next pass need not apply it again.
    var isAppliedLate = false
    /// Ids of the candidate's last failing requests, as last read.
    var failedRequestIds: [String] = []
    /// Requests meant for a revision that none of its instances could take, as last read.
    var unavailable: [Revision: Int] = [:]
    /// Requests whose clients gave up, as last read.
    var abandoned: [Revision: Int] = [:]
    /// What users sent over the last minutes.
    var traffic = RecentTraffic()
    /// The cost of the instances of a revision, as last read.
    var costs: [Revision: InstanceCost] = [:]
    /// Why steps of its passes failed.
    var troubles = StepFailures()
    /// When steps that failed may be tried again.
    var retries: [PassStep: StepRetry] = [:]
    /// The retry class of the last failure in the last pass.
    var failure: RetryClass?
    /// The commit of the last pass.
    var commit: String?
    var pin: Pin?
    /// What the last check of the pinned files' source found; nil if it is as it was, or if that is not known.
    var sourceChange: SourceChange?
    /// Since when its manifest in git has been invalid; nil if it is valid.
    var invalidSince: Date?
    /// What the project's policy says of the candidate in flight; nil where it was not asked.
    var policyAnswer: PolicyAnswer?
    /// The model whose pinning failed last.
    var failedPin: ModelSource?
    var firstSeenAt: Date
    var commands: [PendingCommand] = []
    var passWaiters: [CheckedContinuation<Void, Never>] = []
    /// What became of writing its rollback back to git; nil where nothing is to be written.
    var revert: RevertNote?

    struct RevertNote: Equatable {
        var isWritten: Bool
        var text: String
    }

    /// The inquiries under way, by their id.
    var inquiries: [String: OpenInquiry] = [:]
    /// Answers that wait for the next pass.
    var findings: [Finding] = []

    var problem: String? { troubles.text }
}

/// An inquiry under way.
struct OpenInquiry {
    var question: Inquiry.Question
    var task: Task<Void, Never>
}

/// The digest that was found for mutable model files. It lasts until a commit changes the model.
struct Pin: Equatable {
    /// As git has it, without a digest.
    var model: ModelSource
    /// Nil: the site cannot pin it.
    var digest: Digest?
    var commit: String
}

/// The files at a model's location are no longer those that were pinned. Nothing is rolled out for that.
struct SourceChange: Equatable {
    var pin: Pin
    /// There are no files any more; otherwise there are others.
    var isMissing: Bool

    var text: String {
        let place = "the files at \(pin.model.storageURI ?? "")"
        let since = "since they were pinned for commit \(pin.commit.prefix(10))"
        return isMissing
            ? "\(place) were removed \(since). What serves is not affected. Put them back before the copy in the cache of "
                + "models is gone, or commit another model.storageUri"
            : "\(place) changed \(since). They are not rolled out without a commit: commit a new model.version, or set "
                + "model.digest"
    }
}

/// Decisions that took traffic away from a candidate, and were carried out while they could not be recorded.
struct UnrecordedDecisions: Equatable {
    /// With the times at which they were decided.
    var events: [RolloutEvent]
    /// The number of the write under way, which contains the first `attemptedEvents` events; nil if there is none.
    var attempt: UInt64?
    var attemptedEvents = 0
}

/// The steps of a pass that can fail separately, the most important first.
enum PassStep: Int, CaseIterable, Comparable, Sendable {
    /// Finding the deployment's site.
    case place
    case record
    case observing
    case announcing
    case pinning
    case readings
    case applying

    static func < (left: PassStep, right: PassStep) -> Bool { left.rawValue < right.rawValue }
}

/// Why steps of the last pass failed, and what to do.
struct StepFailures: Equatable {
    private var texts: [PassStep: String] = [:]
    /// When each trouble began, as of the end of the last pass.
    private var begun: [PassStep: Date] = [:]

    subscript(step: PassStep) -> String? {
        get { texts[step] }
        set { texts[step] = newValue }
    }

    /// A step must be tried again.
    var failed: Bool {
        [PassStep.record, .observing, .announcing, .applying].contains { texts[$0] != nil }
    }

    /// Every trouble is one that is tried again.
    var isRetried: Bool {
        !texts.isEmpty && texts.keys.allSatisfy { [.record, .observing, .pinning, .readings, .applying].contains($0) }
    }

    /// Called after each pass: new failures begin now, and those that are over are forgotten.
    mutating func settle(at now: Date) {
        begun = texts.reduce(into: [:]) { $0[$1.key] = begun[$1.key] ?? now }
    }

    func since(_ step: PassStep) -> Date? { begun[step] }

    /// When the oldest trouble began.
    var since: Date? { begun.values.min() }

    /// Nil if there is no trouble.
    var text: String? {
        texts.isEmpty ? nil : texts.sorted { $0.key < $1.key }.map(\.value).joined(separator: "; ")
    }
}

/// What a site was told about a deployment.
enum MirrorUpdate: Equatable {
    case announced(PublishedManifest)
    case removed
}

/// When a step that failed is tried again with the same input.
struct StepRetry {
    static let firstSeconds = 0.5
    static let mostSeconds = 30.0
    /// Of what has failed for longer than its time limit.
    static let mostSecondsWhenOver = 900.0

    var failures = 0
    var notBefore = Date.distantPast

    mutating func failed(at now: Date, mostSeconds: Double = Self.mostSeconds) {
        failures += 1
        let seconds = min(mostSeconds, Self.firstSeconds * pow(2, Double(min(failures - 1, 16))))
        notBefore = now.addingTimeInterval(seconds)
    }
}
