import ControlPorts
import ControllerRuntime
import Foundation
import Logging
import ModelManifests
import Rollouts
import Serving
import Transport

/// Intervals and limits of a controller.
package struct ControllerConfiguration: Sendable {
    /// Time between two checks of git, plus or minus 5 %.
    package var interval: Duration
    /// Time between two passes over a deployment at rest. Changes trigger a pass at once.
    package var restingInterval: Duration
    /// How many deployments are worked on at once.
    package var concurrency: Int
    /// The port of the controller's own API; no endpoint can use it. Nil: unknown when manifests are read.
    package var apiPort: Int?
    /// The port of the probes; nil: they have no separate port.
    package var probePort: Int?
    /// How long passes wait for other components.
    package var limits: CallLimits
    /// Between two looks at whether a site can be reached.
    package var reachInterval: Duration
    /// So long a site cannot be reached before that is said: one lost watch is no outage.
    package var outagePatience: Duration

    package init(
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

/// The control loop. Manifests, observations, readings and commands go into `decide`; its decision is recorded, then carried out.
///
/// Each key has at most one worker at a time. The repositories of projects are keys of a separate queue: each one is checked at
/// an interval, backs off when it fails, and is checked again if that was requested during a check.
package actor Controller {
    enum WorkKey: Hashable, Sendable {
        /// Reads the records of the site, as soon as that is possible.
        case site(SiteName)
        case deployment(DeploymentKey)
    }

    let configuration: ControllerConfiguration
    let with: ControllerCollaborators
    let logger: Logger
    let runner: Runner<WorkKey, ContinuousClock>
    /// The queue of projects whose repositories are checked. A slow repository delays neither other repositories nor deployments.
    let looks: Runner<String, ContinuousClock>
    /// The queue of deployments whose status must be reported to their site.
    let reporter: Runner<DeploymentKey, ContinuousClock>
    /// The queue of deployments whose rollback may have to be written back to git.
    let reverts: Runner<DeploymentKey, ContinuousClock>
    let limits = Timeouts()
    let (tellSignals, tellSignal) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let (notices, noticeQueue) = AsyncStream.makeStream(
        of: Notice.self, bufferingPolicy: .bufferingNewest(Controller.noticeLimit))
    let (recordings, recordingQueue) = AsyncStream.makeStream(
        of: Recording.self, bufferingPolicy: .bufferingOldest(Controller.recordingLimit))

    var openCalls: [OpenCall.Key: OpenCall] = [:]
    var lastCall: UInt64 = 0
    /// Set while `settle` waits until no call is open.
    var settled: FirstResult<Void>?
    var pins = PinQueue()
    var pinTasks: [UInt64: Task<Void, Never>] = [:]
    /// Deployments with a rollout in flight.
    var inFlight: Set<DeploymentKey> = []
    var lastCommand: UInt64 = 0
    var entries: [DeploymentKey: Entry] = [:]
    var manifests: ProjectRegistry
    var projects: [String: ProjectSyncState] = [:]
    var broadcast = EventBroadcast()
    var lastEventId = 0
    let startedAt: Date
    var counts = PassCounts()
    /// Whether each site has been read, in this term.
    var standings: [SiteName: SiteReadiness] = [:]
    /// Whether each site could be reached at the last attempt.
    var reaches: [SiteName: SiteReachability] = [:]
    /// Since when each look at a site has failed; nil where the last one did not.
    var outageDoubts: [SiteName: Date] = [:]
    /// Nil if only the current state is shown.
    var lastKnown: LastKnown?
    var passesInFlight: [SiteName: Int] = [:]
    /// Increases whenever the lead is gained or lost. Work of an earlier term is not carried out.
    var term = 0
    var isAtWork = false
    /// Events before this time are not told again.
    var tellsFrom = Date.distantPast
    /// Passes that are cancelled when the lead is lost. Only used with an election.
    var passes: [DeploymentKey: Task<Requeue, Never>] = [:]

    /// Most checks wait for a server. Those that have something to read share the reading threads.
    static let looksAtOnce = 32
    /// Reserved for deployments under judgement and for those with waiting commands.
    static let reservedWorkers = 2

    package init(configuration: ControllerConfiguration, with collaborators: ControllerCollaborators, logger: Logger) {
        self.configuration = configuration
        with = collaborators
        self.logger = logger
        startedAt = collaborators.now()
        let origins = collaborators.sources.filter { !$0.repo.isEmpty }.map { ($0.name, ($0.repo, $0.reference)) }
        manifests = ProjectRegistry(
            collaborators.sources.map(\.rules),
            sources: Dictionary(origins.map { ($0.0, (repo: $0.1.0, reference: $0.1.1)) }) { first, _ in first })
        for source in collaborators.sources { projects[source.name] = ProjectSyncState(source) }
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
        reverts = Runner(
            configuration: RunnerConfiguration(
                concurrency: Self.revertsAtOnce, transientBackoff: Backoff(initial: .seconds(1), cap: .seconds(60)),
                stopGracePeriod: .seconds(1)),
            logger: logger)
    }

    /// Works until its task is cancelled, or until `drain`. Models continue to serve.
    package func run() async throws {
        for name in manifests.names { looks.add(name, urgency: .urgent) }
        if with.leadership == nil { await startWork() }
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
            await runPassesAndUpdates()
            // The lead is given up only now, when no pass is running any more.
            group.cancelAll()
        }
        await leave()
    }

    /// Runs passes until the runner stops, and informs others in parallel until all that waits has been sent.
    private func runPassesAndUpdates() async {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                await self.publishUpdates()
                return true
            }
            await withDiscardingTaskGroup { runs in
                runs.addTask { await self.looks.run { await self.look(at: $0) } }
                runs.addTask { await self.reverts.run { await self.revert($0) } }
                await runner.run { key in await self.work(on: key) }
                looks.stop()
                reverts.stop()
            }
            await settle()
            await flushUpdates()
            group.addTask {
                try? await Task.sleep(for: self.configuration.limits.settling)  // Cancelled when everything was sent.
                return false
            }
            _ = await group.next()
            group.cancelAll()
        }
    }

    /// Starts no more passes. `run` returns when the running ones have ended, within the runner's grace period.
    package nonisolated func drain() {
        looks.stop()
        reverts.stop()
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

    /// Ends all waits, so that no caller waits for an answer that will not come.
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

    static let stopping = ControlError(.unavailable, "the controller is stopping; models continue to serve")
}

/// Counts since the controller started, for `/metrics`.
struct PassCounts {
    var passes = 0
    var failures = 0
    var writes = 0
    var revertFailures = 0
    var events: [RolloutEvent.Kind: Int] = [:]
}
