import ControllerRuntime
import Foundation
import Logging
import ModelManifests
import Rollouts
import Serving

/// How a controller goes about its work.
public struct ControllerConfiguration: Sendable {
    /// For the status: where manifests come from, with credentials taken out.
    public var repo: String
    public var branch: String
    /// Between two looks at git, give or take a twentieth.
    public var interval: Duration
    /// Between two looks at a deployment at rest. Changes are seen at once, whatever this says.
    public var restingInterval: Duration
    /// Lets a commit without any manifest remove all deployments.
    public var allowsEmpty: Bool
    /// Deployments that are worked on at once.
    public var concurrency: Int

    public init(
        repo: String, branch: String = "main", interval: Duration = .seconds(30),
        restingInterval: Duration = .seconds(15), allowsEmpty: Bool = false, concurrency: Int = 16
    ) {
        self.repo = repo
        self.branch = branch
        self.interval = interval
        self.restingInterval = restingInterval
        self.allowsEmpty = allowsEmpty
        self.concurrency = concurrency
    }
}

/// The loop: git, what is observed, readings and commands go into `decide`; its decision is written, then carried out.
///
/// One key at a time, at most one worker for a key. Git itself is a key: it is looked at in turn, backs off when it
/// fails, and looks again when it was asked to in the middle of a look.
public actor Controller {
    enum WorkKey: Hashable, Sendable {
        case source
        /// What is there is read, once it can be.
        case site(SiteName)
        case deployment(DeploymentKey)
    }

    /// A command that waits for its deployment's next pass.
    struct PendingCommand {
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
        var observed: Observation?
        /// When `observed` was seen, at a site that could be reached then.
        var observedAt: Date?
        /// Of the candidate's last failing requests, as last read.
        var failedRequestIds: [String] = []
        var problem: String?
        /// The commit that the last pass went by.
        var commit: String?
        var pin: Pin?
        var firstSeenAt: Date
        var commands: [PendingCommand] = []
        var passWaiters: [CheckedContinuation<Void, Never>] = []
        /// Questions that are being put, by their id.
        var inquiries: [String: Task<Void, Never>] = [:]
        /// Answers that wait for the next pass.
        var findings: [Finding] = []
    }

    /// The digest that mutable model files were found to have.
    struct Pin {
        var model: ModelSource
        var digest: Digest?
        /// A newer commit, or a newer look at git, asks again.
        var isFresh: Bool
    }

    let configuration: ControllerConfiguration
    let with: ControllerCollaborators
    let logger: Logger
    let runner: Runner<WorkKey, ContinuousClock>

    var entries: [DeploymentKey: Entry] = [:]
    var manifests = ManifestLedger()
    var sourceStatus: SourceStatus
    var lookWaiters: [CheckedContinuation<Set<DeploymentKey>, any Error>] = []
    var broadcast = EventBroadcast()
    var lastEventId = 0
    var hasLooked = false
    let startedAt: Date
    var counts = PassCounts()
    /// How it stands with each site, in this term.
    var standings: [SiteName: SiteStanding] = [:]
    /// Whether each site could be reached when it was last looked at.
    var reaches: [SiteName: SiteReach] = [:]
    var passesInFlight: [SiteName: Int] = [:]
    /// Rises whenever the lead is gained or lost: what was begun in an earlier one is not carried out.
    var term = 0
    var isAtWork = false
    /// What was decided before is not told again.
    var tellsFrom = Date.distantPast
    /// Passes that end when the lead is lost; kept only where there is an election.
    var passes: [DeploymentKey: Task<Requeue, Never>] = [:]

    public init(configuration: ControllerConfiguration, with collaborators: ControllerCollaborators, logger: Logger) {
        self.configuration = configuration
        with = collaborators
        self.logger = logger
        startedAt = collaborators.now()
        sourceStatus = SourceStatus(repo: configuration.repo, branch: configuration.branch)
        runner = Runner(
            configuration: RunnerConfiguration(
                concurrency: configuration.concurrency,
                transientBackoff: Backoff(initial: .milliseconds(500), cap: .seconds(30))),
            logger: logger)
    }

    /// Works until its task is cancelled, or until `drain`. What serves goes on serving.
    public func run() async throws {
        runner.add(.source)
        if with.leadership == nil { try await takeUpWork() }
        await withTaskGroup(of: Void.self) { group in
            if let leadership = with.leadership {
                group.addTask { await leadership.run() }
                group.addTask { for await leads in leadership.changes { await self.follow(leads) } }
            }
            for name in with.sites.names {
                guard let site = with.sites[name] else { continue }
                group.addTask { for await key in site.backend.changes { self.runner.add(.deployment(key)) } }
                guard let register = site.register else { continue }
                group.addTask { for await key in register.changes { self.runner.add(.deployment(key)) } }
            }
            await runner.run { key in await self.work(on: key) }
            // The lead is given up only now: no pass is under way any more.
            group.cancelAll()
        }
        await leave()
    }

    /// Begins no more passes: `run` returns when those under way are done, within the runner's period of grace.
    public nonisolated func drain() { runner.stop() }

    private func work(on key: WorkKey) async -> Requeue {
        switch key {
        case .source: return await lookAtSource()
        case .site(let name): return await takeIn(name)
        case .deployment(let key):
            guard with.leadership != nil else { return await reconcile(key) }
            return await reconcileWhileLeading(key)
        }
    }

    /// Nobody is left waiting for an answer that will not come.
    private func leave() async {
        for (key, entry) in entries {
            for inquiry in entry.inquiries.values {
                inquiry.cancel()
                await inquiry.value
            }
            for pending in entry.commands { pending.reply.resume(throwing: Self.stopping) }
            for waiter in entry.passWaiters { waiter.resume() }
            entries[key]?.commands = []
            entries[key]?.passWaiters = []
        }
        for waiter in lookWaiters { waiter.resume(throwing: Self.stopping) }
        lookWaiters = []
        broadcast.finish()
    }

    static let stopping = ControlError(.unavailable, "the controller is stopping; what serves goes on serving")
}

/// What the loop has done since it started, for `/metrics`.
struct PassCounts {
    var passes = 0
    var failures = 0
    var writes = 0
    var looks = 0
    var lookFailures = 0
    var events: [RolloutEvent.Kind: Int] = [:]
}
