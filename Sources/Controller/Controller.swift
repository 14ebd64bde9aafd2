import ControllerRuntime
import Foundation
import Logging
import ModelManifests
import Rollouts
import Serving

/// How a controller goes about its work.
public struct ControllerConfiguration: Sendable {
    /// Between two looks at git, give or take a twentieth.
    public var interval: Duration
    /// Between two looks at a deployment at rest. Changes are seen at once, whatever this says.
    public var restingInterval: Duration
    /// Deployments that are worked on at once.
    public var concurrency: Int
    /// Where the controller's own API listens: no endpoint can be there. Nil: not known when manifests are read.
    public var apiPort: Int?
    /// The same of its probes; nil: they have no port of their own.
    public var probePort: Int?
    /// How long passes wait for what is outside.
    public var limits: CallLimits
    /// Between two looks at whether a site can be reached.
    public var reachInterval: Duration
    /// So long a site cannot be reached before that is said: one lost watch is no outage.
    public var outagePatience: Duration

    public init(
        interval: Duration = .seconds(30), restingInterval: Duration = .seconds(15), concurrency: Int = 16,
        apiPort: Int? = nil, probePort: Int? = nil, limits: CallLimits = CallLimits(),
        reachInterval: Duration = .seconds(1), outagePatience: Duration = .seconds(2)
    ) {
        self.reachInterval = reachInterval
        self.outagePatience = outagePatience
        self.interval = interval
        self.restingInterval = restingInterval
        self.concurrency = concurrency
        self.apiPort = apiPort
        self.probePort = probePort
        self.limits = limits
    }
}

/// The loop: git, what is observed, readings and commands go into `decide`; its decision is written, then carried out.
///
/// One key at a time, at most one worker for a key. Each project's repository is a key of a queue of its own: it is looked
/// at in turn, backs off when it fails, and looks again when it was asked to in the middle of a look.
public actor Controller {
    enum WorkKey: Hashable, Sendable {
        /// What is there is read, once it can be.
        case site(SiteName)
        case deployment(DeploymentKey)
    }

    let configuration: ControllerConfiguration
    let with: ControllerCollaborators
    let logger: Logger
    let runner: Runner<WorkKey, ContinuousClock>
    /// Projects whose repositories are looked at: a slow one holds up neither the others nor any deployment.
    let looks: Runner<String, ContinuousClock>
    /// Deployments whose site is to be shown how they stand.
    let reporter: Runner<DeploymentKey, ContinuousClock>
    let limits = TimeLimits()
    let (tellSignals, tellSignal) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let (notices, noticeQueue) = AsyncStream.makeStream(
        of: Notice.self, bufferingPolicy: .bufferingNewest(Controller.noticeLimit))
    let (recordings, recordingQueue) = AsyncStream.makeStream(
        of: Recording.self, bufferingPolicy: .bufferingOldest(Controller.recordingLimit))

    var openCalls: [OpenCall.Key: OpenCall] = [:]
    var lastCall: UInt64 = 0
    /// Whoever waits until no call is open.
    var settled: FirstResult<Void>?
    var pins = PinQueue()
    var pinTasks: [UInt64: Task<Void, Never>] = [:]
    /// Deployments with a rollout under way.
    var inFlight: Set<DeploymentKey> = []
    var lastCommand: UInt64 = 0
    var entries: [DeploymentKey: Entry] = [:]
    var manifests: ProjectBook
    var projects: [String: ProjectStanding] = [:]
    var broadcast = EventBroadcast()
    var lastEventId = 0
    let startedAt: Date
    var counts = PassCounts()
    /// How it stands with each site, in this term.
    var standings: [SiteName: SiteStanding] = [:]
    /// Whether each site could be reached when it was last looked at.
    var reaches: [SiteName: SiteReach] = [:]
    /// Since when each look at a site has failed; nil where the last one did not.
    var outageDoubts: [SiteName: Date] = [:]
    /// Nil where nothing is to be shown but what is known now.
    var lastKnown: LastKnown?
    var passesInFlight: [SiteName: Int] = [:]
    /// Rises whenever the lead is gained or lost: what was begun in an earlier one is not carried out.
    var term = 0
    var isAtWork = false
    /// What was decided before is not told again.
    var tellsFrom = Date.distantPast
    /// Passes that end when the lead is lost; kept only where there is an election.
    var passes: [DeploymentKey: Task<Requeue, Never>] = [:]

    /// Most looks wait for a server; those that have something to read take turns at that.
    static let looksAtOnce = 32
    /// Left to those that are judged, and to those that a command waits for.
    static let reservedWorkers = 2

    public init(configuration: ControllerConfiguration, with collaborators: ControllerCollaborators, logger: Logger) {
        self.configuration = configuration
        with = collaborators
        self.logger = logger
        startedAt = collaborators.now()
        manifests = ProjectBook(collaborators.sources.map { ($0.name, $0.rules.policy.limits) })
        for source in collaborators.sources { projects[source.name] = ProjectStanding(source) }
        looks = Runner(
            configuration: RunnerConfiguration(
                concurrency: min(max(1, collaborators.sources.count), Self.looksAtOnce),
                transientBackoff: Backoff(initial: .milliseconds(500), cap: .seconds(30))),
            logger: logger)
        runner = Runner(
            configuration: RunnerConfiguration(
                concurrency: configuration.concurrency, reserved: Self.reservedWorkers,
                transientBackoff: Backoff(initial: .milliseconds(500), cap: .seconds(30))),
            logger: logger)
        reporter = Runner(
            configuration: RunnerConfiguration(
                concurrency: Self.reportsAtOnce, transientBackoff: Backoff(initial: .seconds(1), cap: .seconds(60)),
                stopGracePeriod: .seconds(1)),
            logger: logger)
    }

    /// Works until its task is cancelled, or until `drain`. What serves goes on serving.
    public func run() async throws {
        for name in manifests.names { looks.add(name, urgency: .urgent) }
        if with.leadership == nil { await takeUpWork() }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.limits.run() }
            group.addTask { await self.watchReach() }
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
            await workAndTell()
            // The lead is given up only now: no pass is under way any more.
            group.cancelAll()
        }
        await leave()
    }

    /// Passes until the runner stops, and telling others beside them until what waits has been told.
    private func workAndTell() async {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                await self.tellOthers()
                return true
            }
            await withDiscardingTaskGroup { runs in
                runs.addTask { await self.looks.run { await self.look(at: $0) } }
                await runner.run { key in await self.work(on: key) }
                looks.stop()
            }
            await settle()
            await tellRest()
            group.addTask {
                try? await Task.sleep(for: self.configuration.limits.settling)  // Cancelled when all is told.
                return false
            }
            _ = await group.next()
            group.cancelAll()
        }
    }

    /// Begins no more passes: `run` returns when those under way are done, within the runner's period of grace.
    public nonisolated func drain() {
        looks.stop()
        runner.stop()
    }

    private func work(on key: WorkKey) async -> Requeue {
        switch key {
        case .site(let name): return await takeIn(name)
        case .deployment(let key):
            guard with.leadership != nil else { return await reconcile(key) }
            return await reconcileWhileLeading(key)
        }
    }

    /// Nobody is left waiting for an answer that will not come.
    private func leave() async {
        stopAllPins()
        for (key, entry) in entries {
            for inquiry in entry.inquiries.values {
                inquiry.task.cancel()
                await inquiry.task.value
            }
            for pending in entry.commands { pending.reply.resume(throwing: Self.stopping) }
            entries[key]?.commands = []
            resumePassWaiters(key)
        }
        for name in projects.keys {
            for waiter in projects[name]?.waiters ?? [] { waiter.resume(throwing: Self.stopping) }
            projects[name]?.waiters = []
        }
        broadcast.finish()
    }

    static let stopping = ControlError(.unavailable, "the controller is stopping; what serves goes on serving")
}

/// What the loop has done since it started, for `/metrics`.
struct PassCounts {
    var passes = 0
    var failures = 0
    var writes = 0
    var events: [RolloutEvent.Kind: Int] = [:]
}
