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

/// What a controller works with. None of it is named by its kind: those who start one choose.
public struct ControllerCollaborators: Sendable {
    public var source: any ManifestSource
    public var backend: any ServingBackend
    public var store: any StateStore
    public var metrics: any MetricSource
    public var logs: any LogSource
    public var notifier: (any Notifier)?
    public var inquirer: (any Inquirer)?
    public var outcomes: OutcomeIntake?
    public var recorder: ReadingRecorder?
    /// The data plane's own, in Prometheus' text form.
    public var dataPlaneMetrics: (@Sendable () async throws -> String)?
    public var now: @Sendable () -> Date

    public init(
        source: any ManifestSource, backend: any ServingBackend, store: any StateStore, metrics: any MetricSource,
        logs: any LogSource, notifier: (any Notifier)? = nil, inquirer: (any Inquirer)? = nil,
        outcomes: OutcomeIntake? = nil, recorder: ReadingRecorder? = nil,
        dataPlaneMetrics: (@Sendable () async throws -> String)? = nil, now: @escaping @Sendable () -> Date
    ) {
        self.source = source
        self.backend = backend
        self.store = store
        self.metrics = metrics
        self.logs = logs
        self.notifier = notifier
        self.inquirer = inquirer
        self.outcomes = outcomes
        self.recorder = recorder
        self.dataPlaneMetrics = dataPlaneMetrics
        self.now = now
    }
}

/// The loop: git, what is observed, readings and commands go into `decide`; its decision is written, then carried out.
///
/// One key at a time, at most one worker for a key. Git itself is a key: it is looked at in turn, backs off when it
/// fails, and looks again when it was asked to in the middle of a look.
public actor Controller {
    enum WorkKey: Hashable, Sendable {
        case source
        case deployment(DeploymentKey)
    }

    /// A command that waits for its deployment's next pass.
    struct PendingCommand {
        var command: OperatorCommand
        var reply: CheckedContinuation<Void, any Error>
    }

    /// What is kept in memory of one deployment.
    struct Entry {
        var state: RolloutState?
        var version: Int?
        var observed: Observation?
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
    var counts = PassCounts()

    public init(configuration: ControllerConfiguration, with collaborators: ControllerCollaborators, logger: Logger) {
        self.configuration = configuration
        with = collaborators
        self.logger = logger
        sourceStatus = SourceStatus(repo: configuration.repo, branch: configuration.branch)
        runner = Runner(
            configuration: RunnerConfiguration(
                concurrency: configuration.concurrency,
                transientBackoff: Backoff(initial: .milliseconds(500), cap: .seconds(30))),
            logger: logger)
    }

    /// Works until its task is cancelled. What serves goes on serving.
    public func run() async throws {
        try await restore()
        runner.add(.source)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.runner.run { key in await self.work(on: key) } }
            group.addTask {
                for await key in self.with.backend.changes { self.runner.add(.deployment(key)) }
            }
            await group.next()
            group.cancelAll()
        }
        await leave()
    }

    /// Finds again what was decided before, so that a restart changes nothing.
    private func restore() async throws {
        for (key, record) in try await with.store.records() {
            do {
                let state = try JSONDecoder().decode(RolloutState.self, from: record.state)
                entries[key] = Entry(state: state, version: record.version, firstSeenAt: state.since)
            } catch {
                logger.error("A record cannot be read", metadata: ["deployment": "\(key)", "error": "\(error)"])
                entries[key] = Entry(
                    version: record.version, problem: "its record cannot be read by this version of mlctl",
                    firstSeenAt: with.now())
            }
        }
        for key in try await with.backend.deployments() where entries[key] == nil {
            entries[key] = Entry(
                problem: "it serves, but its record is lost: it is left as it is until its manifest is read",
                firstSeenAt: with.now())
        }
        lastEventId = try await with.store.events(matching: EventFilter(), limit: 1).first?.id ?? 0
        for key in entries.keys { runner.add(.deployment(key)) }
        logger.info("State restored", metadata: ["deployments": "\(entries.count)"])
    }

    private func work(on key: WorkKey) async -> Requeue {
        switch key {
        case .source: await lookAtSource()
        case .deployment(let key): await reconcile(key)
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
