import Foundation
import Logging
import ModelManifests
import SecretFiles
import Serving

/// Makes serving plans true with processes of this machine: a keeper for each instance, and one proxy for all.
///
/// What it starts is on disk before it is started, and the processes outlive it: a new backend on the same state folder
/// goes on where the former one was cut off. `run` must be running for anything to go on between calls.
///
/// What goes to the proxy needs no file: with a full disk, or a folder that takes no files, plans reach it all the same.
/// They are written down when that is possible again, and until then the observation says so.
public actor LocalBackend: ServingBackend {
    public struct Configuration: Sendable {
        public var stateDirectory: URL
        /// The controller's own; of it, servers get PATH, HOME, LANG and TMPDIR.
        public var environment: [String: String]
        /// Ports that no endpoint may have, and whose they are: `[8090: "the controller's own (--listen)"]`.
        public var reservedPorts: [Int: String]
        /// Whose secrets a deployment's servers may have; nil: all of the state folder's.
        public var secrets: @Sendable (DeploymentKey) -> SecretFolder?
        /// Whether servers may be shown the cache by a mount of their own; nil: as the machine lets us.
        var canMount: Bool?

        public init(
            stateDirectory: URL, environment: [String: String] = ProcessInfo.processInfo.environment,
            reservedPorts: [Int: String] = [:],
            secrets: @escaping @Sendable (DeploymentKey) -> SecretFolder? = { _ in nil }
        ) {
            self.secrets = secrets
            self.stateDirectory = stateDirectory
            self.environment = environment
            self.reservedPorts = reservedPorts
        }
    }

    public nonisolated let changes: AsyncStream<DeploymentKey>

    static let maximumBufferedChanges = 1 << 16
    static let maximumRounds = 8
    static let maximumConcurrentFetches = 64

    let state: StateFolder
    var spaceReserve: SpaceReserve
    let inherited: [String: String]
    let reservedPorts: [Int: String]
    let secrets: @Sendable (DeploymentKey) -> SecretFolder?
    let canMount: Bool
    let files: any ModelFiles
    let launcher: any ProcessLauncher
    let proxy: ProxyLink
    let logger: Logger
    let clock = ContinuousClock()
    nonisolated let changed: AsyncStream<DeploymentKey>.Continuation
    let events: AsyncStream<BackendEvent>
    let eventSink: AsyncStream<BackendEvent>.Continuation
    let fetchRequests: AsyncStream<String>
    let fetchSink: AsyncStream<String>.Continuation
    let watch: FolderWatch?
    var records: [DeploymentKey: DeploymentRecord] = [:]
    /// Records that are not on the disk as they are here.
    var unsaved: Set<DeploymentKey> = []
    var reservedOnDisk: [Int]?
    /// When a deployment that answered at a port was wanted no more.
    var emptiedAt: [DeploymentKey: ContinuousClock.Instant] = [:]
    /// Fetches under way; ending one ends the fetch.
    var fetchDepartures: [String: AsyncStream<Void>.Continuation] = [:]
    /// Processes that were started and are to be reaped.
    var children: [any LaunchedProcess] = []
    var instances: [String: TrackedInstance] = [:]
    /// Of the state folder as a whole.
    var stateProblems: [String] = []
    var problems: [DeploymentKey: String] = [:]
    var endpointProblems: [DeploymentKey: String] = [:]
    var routeVersion = 0
    /// Of the routes that the proxy was told last: a deployment that leaves a port is there until it is told otherwise.
    var toldPorts: [DeploymentKey: Int] = [:]
    /// Deployments of which no plan has come since the start.
    var unplanned: Set<DeploymentKey> = []
    var nextTick: ContinuousClock.Instant?
    /// What `changes` has told of the proxy.
    var announced: [DeploymentKey: ProxyView.Share] = [:]

    /// Finds what a former controller has left, and changes nothing of it.
    ///
    /// - Throws: `LocalServingError` where the state folder cannot be used.
    public init(
        configuration: Configuration, files: any ModelFiles, launcher: any ProcessLauncher,
        logger: Logger = Logger(label: "mlctl.local")
    ) throws {
        let state = StateFolder(configuration.stateDirectory)
        try state.prepare()
        self.state = state
        spaceReserve = SpaceReserve(path: state.spaceReserve)
        spaceReserve.restore()
        self.files = files
        self.launcher = launcher
        self.logger = logger
        inherited = InstanceSpec.inherited(from: configuration.environment)
        reservedPorts = configuration.reservedPorts
        secrets = configuration.secrets
        canMount = configuration.canMount ?? Confinement.isPossible(in: StateFolder(configuration.stateDirectory))
        (changes, changed) = AsyncStream.makeStream(
            of: DeploymentKey.self, bufferingPolicy: .bufferingNewest(Self.maximumBufferedChanges))
        let (events, eventSink) = AsyncStream.makeStream(
            of: BackendEvent.self, bufferingPolicy: .bufferingNewest(Self.maximumBufferedChanges))
        self.events = events
        self.eventSink = eventSink
        (fetchRequests, fetchSink) = AsyncStream.makeStream(
            of: String.self, bufferingPolicy: .bufferingNewest(Self.maximumBufferedChanges))
        proxy = ProxyLink(
            state: state, launcher: launcher, client: ProxyClient(state), logger: logger,
            changed: { eventSink.yield(.proxyChanged) })
        // Without it (a machine may allow no more), everything is looked at now and then.
        watch = try? FolderWatch()
        try? watch?.add(state.proxy, tag: BackendEvent.proxyTag)

        let found = DeploymentRecord.readAll(state)
        stateProblems = found.problems
        records = Dictionary(found.records.map { ($0.deployment, $0) }) { first, _ in first }
        unplanned = Set(records.keys)
        for record in records.values where record.formerPlan != nil { emptiedAt[record.deployment] = clock.now }
        for id in StateFile.names(in: state.instances) {
            let folder = state.instance(id)
            do {
                guard let spec = try folder.readSpec() else {
                    Self.clearAway(folder)
                    continue
                }
                var tracked = TrackedInstance(spec: spec, folder: folder)
                try? watch?.add(folder.path, tag: id)
                tracked.refresh(now: clock.now)
                instances[id] = tracked
            } catch {
                stateProblems.append("\(error)")
            }
        }
    }

    /// Without a journal it is no instance: its creation or its removal was cut off.
    private static func clearAway(_ folder: InstanceFolder) {
        if !FileLock.isHeld(folder.lock) { try? FileManager.default.removeItem(atPath: folder.path) }
    }

    public func pin(_ model: ModelSource) async throws -> Digest? { try await files.pin(model) }

    public func deployments() -> [DeploymentKey] {
        let served = records.filter { !$0.value.isEmpty }.map(\.key)
        return Set(served + instances.values.map(\.spec.deployment)).sorted()
    }

    public func observe(_ deployment: DeploymentKey) async -> Observation {
        if watch == nil { refreshAll(of: deployment) }
        let view = await proxy.firstView()
        let seen = seenInstances(of: deployment, view)
        let share = view.share(of: deployment)
        let preview = share.preview.flatMap { $0.listening ? $0.port : nil }
        let record = records[deployment]
        let problem = endpointProblem(record, share, view)
        let isOpen = record?.plan?.isOpen == true && problem == nil
        return Observation(
            instances: seen.filter { !$0.isGone }.map(\.observation),
            endpoint: isOpen ? record?.port.map { "http://127.0.0.1:\($0)" } : nil, endpointProblem: problem,
            preview: preview.map { "http://127.0.0.1:\($0)" }, weights: share.weights, mirrors: share.mirrors,
            plan: record?.plan, problems: problems(of: deployment, share).filter { $0 != problem },
            cutRequests: view.reports?[deployment]?.cutRequests ?? 0,
            refusedConnections: view.reports?[deployment]?.refusedConnections ?? 0)
    }

    private func problems(of deployment: DeploymentKey, _ share: ProxyView.Share) -> [String] {
        var all = stateProblems + [problems[deployment], endpointProblems[deployment], share.problem].compactMap { $0 }
        if let record = records[deployment] {
            // An endpoint that could not move still listens where it was.
            if let endpoint = share.endpoint, !endpoint.listening || endpoint.error != nil {
                all.append(
                    closed(endpoint, of: deployment, field: "endpoint.port", noun: "endpoint", wanted: record.port))
            }
            if let awaited = successor(of: record) {
                all.append(
                    "it is wanted no more, and answers at port \(record.port ?? 0) until something of \(awaited) is ready."
                )
            }
        }
        for report in [share.endpoint, share.preview].compactMap(\.self) { all += report.problems }
        if let preview = share.preview, !preview.listening {
            all.append(closed(preview, of: deployment, field: "rollout.preview.port", noun: "preview"))
        }
        let limits = tracked(deployment).compactMap { $0.status?.limitsNotEnforced }
        return all + Set(limits).sorted()
    }

    /// - Throws: `LocalServingError.invalidName` alone. What the machine refuses now is a problem of the observation, and is
    ///   tried again without being asked.
    public func apply(_ plan: ServingPlan) async throws {
        try SafeName.check(plan.deployment)
        for revision in plan.revisions where !SafeName.isSafe(revision.revision.rawValue) {
            throw LocalServingError(
                .invalidName, "\(revision.revision.rawValue.debugDescription) is no revision.", retry: .terminal)
        }
        // Of what does not exist, nothing is to be made: no record, no look, no word of a change.
        unplanned.remove(plan.deployment)
        if plan.revisions.isEmpty, records[plan.deployment] == nil, tracked(plan.deployment).isEmpty, !isAwaited(plan) {
            return
        }
        let moved = remember(plan)
        await reconcileInBackground(plan.deployment)
        for deployment in moved { await reconcileInBackground(deployment) }
    }

    /// The last lines of the instances that run, or of those that did.
    public func logs(of deployment: DeploymentKey, revision: Revision?, lines: Int) -> [ServerLogLine] {
        LogReader(state: state).tail(
            of: deployment, revision: revision, lines: lines, current: tracked(deployment).map(\.spec))
    }
}

// MARK: - Plans

extension LocalBackend {
    /// - Returns: other deployments that got a port which they were refused before.
    private func remember(_ plan: ServingPlan) -> [DeploymentKey] {
        let deployment = plan.deployment
        var record = records[deployment] ?? DeploymentRecord(deployment: deployment)
        if record.plan != plan {
            noteEmptied(&record, former: record.plan, next: plan)
            record.plan = plan
        }
        if !plan.revisions.isEmpty { record.drainLimit = TrackedInstance.longestDrain(plan.endpoint) }
        let alive = Set(tracked(deployment).map(\.spec.revision))
        record.keepsLogsOf = record.keepsLogsOf.intersection(alive)
            .union(plan.revisions.filter(\.keepsLogs).map(\.revision))
        choosePorts(for: &record, plan)
        keep(record)
        return chooseRefusedPortsAgain(besides: deployment)
    }

    /// It holds from now on, and is on the disk when that can be.
    func keep(_ record: DeploymentRecord) {
        guard records[record.deployment] != record else { return }
        records[record.deployment] = record
        unsaved.insert(record.deployment)
    }

    /// - Throws: where the disk does not take it.
    func save(_ deployment: DeploymentKey) throws {
        guard unsaved.contains(deployment) else { return }
        if let record = records[deployment] { try write(record) }
        unsaved.remove(deployment)
    }

    func write(_ record: DeploymentRecord) throws {
        try StateFile.makeFolder("\(state.deployments)/\(record.deployment.namespace)")
        try StateFile.write(record, to: DeploymentRecord.path(record.deployment, in: state))
    }

    func tracked(_ deployment: DeploymentKey) -> [TrackedInstance] {
        instances.values.filter { $0.spec.deployment == deployment }.sorted { $0.spec.number < $1.spec.number }
    }

    func seenInstances(of deployment: DeploymentKey, _ view: ProxyView) -> [SeenInstance] {
        let now = clock.now
        let drainLimit = records[deployment]?.drainLimit
        return tracked(deployment).map { $0.seen(in: view, drainLimit: drainLimit, now: now) }
    }
}
