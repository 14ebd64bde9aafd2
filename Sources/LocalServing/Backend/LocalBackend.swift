import Foundation
import Logging
import ModelManifests
import SecretFiles
import Serving

/// Carries out serving plans with processes on this machine: one keeper per instance, and one proxy for all.
///
/// Everything is written to disk before it is started, and the processes outlive the backend: a new backend with the same state
/// folder continues where the former one stopped. Nothing happens between calls unless `run` is running.
///
/// Routes reach the proxy without a file, so plans still take effect with a full disk or a read-only folder. They are written as
/// soon as that is possible. Until then the observation reports the problem.
package actor LocalBackend: ServingBackend {
    package struct Configuration: Sendable {
        package var stateDirectory: URL
        /// The controller's own environment. Servers inherit only PATH, HOME, LANG and TMPDIR from it.
        package var environment: [String: String]
        /// Ports that no endpoint may use, with a description of their user: `[8090: "the controller's own (--listen)"]`.
        package var reservedPorts: [Int: String]
        /// The secrets that a deployment's servers may read. Nil: all secrets of the state folder.
        package var secrets: @Sendable (DeploymentKey) -> SecretFolder?
        /// Whether servers may get the cache through a mount of their own. Nil: detect whether this machine permits it.
        var canMount: Bool?

        package init(
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

    package nonisolated let changes: AsyncStream<DeploymentKey>

    static let maximumBufferedChanges = 1 << 16
    static let maximumRounds = 8
    static let maximumConcurrentFetches = 64

    let state: StateFolder
    var spaceReserve: DiskSpaceReserve
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
    /// Records that differ from what is on disk.
    var unsaved: Set<DeploymentKey> = []
    var reservedOnDisk: [Int]?
    /// When each deployment with a fixed port was removed.
    var emptiedAt: [DeploymentKey: ContinuousClock.Instant] = [:]
    /// Fetches in progress. Finishing a continuation cancels its fetch.
    var fetchDepartures: [String: AsyncStream<Void>.Continuation] = [:]
    /// Processes that this backend started and must reap.
    var children: [any LaunchedProcess] = []
    var instances: [String: TrackedInstance] = [:]
    /// Problems of the state folder as a whole.
    var stateProblems: [String] = []
    var problems: [DeploymentKey: String] = [:]
    var endpointProblems: [DeploymentKey: String] = [:]
    var routeVersion = 0
    /// The ports of the last routes sent to the proxy: a deployment stays at its old port until the proxy has new routes.
    var toldPorts: [DeploymentKey: Int] = [:]
    /// Deployments for which no plan has arrived since the start.
    var unplanned: Set<DeploymentKey> = []
    var nextTick: ContinuousClock.Instant?
    /// The proxy's state as last announced through `changes`.
    var announced: [DeploymentKey: ProxyView.Share] = [:]

    /// Reads what a former controller left. Instances, proxy and routes stay as they are.
    ///
    /// - Throws: `LocalServingError` if the state folder cannot be used.
    package init(
        configuration: Configuration, files: any ModelFiles, launcher: any ProcessLauncher,
        logger: Logger = Logger(label: "mlctl.local")
    ) throws {
        let state = StateFolder(configuration.stateDirectory)
        try state.prepare()
        self.state = state
        spaceReserve = DiskSpaceReserve(path: state.spaceReserve)
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
        // If the machine permits no further watch, all files are checked periodically instead.
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
                    Self.deleteLeftover(folder)
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

    /// Removes a folder without a journal file: it is left from an interrupted creation or removal.
    private static func deleteLeftover(_ folder: InstanceFolder) {
        if !FileLock.isHeld(folder.lock) { try? FileManager.default.removeItem(atPath: folder.path) }
    }

    package func pin(_ model: ModelSource) async throws -> Digest? { try await files.pin(model) }

    package func check(_ model: ModelSource, against digest: Digest) async throws -> ModelSourceCheck {
        try await files.check(model, against: digest)
    }

    package func deployments() -> [DeploymentKey] {
        let served = records.filter { !$0.value.isEmpty }.map(\.key)
        return Set(served + instances.values.map(\.spec.deployment)).sorted()
    }

    package func observe(_ deployment: DeploymentKey) async -> Observation {
        if watch == nil { refreshAll(of: deployment) }
        let view = await proxy.firstView()
        let seen = observedInstances(of: deployment, view)
        let share = view.share(of: deployment)
        let preview = share.preview.flatMap { $0.listening ? $0.port : nil }
        let record = records[deployment]
        let problem = endpointProblem(record, share, view)
        let isOpen = record?.plan?.isOpen == true && problem == nil
        return Observation(
            instances: seen.filter { !$0.isGone }.map(\.observation),
            endpoint: isOpen ? record?.port.map { (record?.plan?.endpoint ?? Endpoint()).localURL(port: $0) } : nil,
            endpointProblem: problem,
            isEndpointPortTaken: isEndpointPortTaken(record, share, view),
            preview: preview.map { (record?.plan?.endpoint ?? Endpoint()).localURL(port: $0, isPreview: true) },
            weights: share.weights, mirrors: share.mirrors,
            plan: record?.plan, problems: problems(of: deployment, share).filter { $0 != problem },
            cutRequests: view.reports?[deployment]?.cutRequests ?? 0,
            refusedConnections: view.reports?[deployment]?.refusedConnections ?? 0)
    }

    private func problems(of deployment: DeploymentKey, _ share: ProxyView.Share) -> [String] {
        var all = stateProblems + [problems[deployment], endpointProblems[deployment], share.problem].compactMap { $0 }
        if let record = records[deployment] {
            // An endpoint that could not move still listens at its old port.
            if let endpoint = share.endpoint, endpoint.certificateProblem == nil,
                !endpoint.listening || endpoint.error != nil
            {
                all.append(
                    closed(endpoint, of: deployment, field: "endpoint.port", noun: "endpoint", wanted: record.port))
            }
            if let awaited = successor(of: record) {
                all.append(
                    "it was removed, and answers at port \(record.port ?? 0) until an instance of \(awaited) is ready."
                )
            }
        }
        for report in [share.endpoint, share.preview].compactMap(\.self) { all += report.problems }
        if let preview = share.preview, preview.certificateProblem == nil, !preview.listening {
            all.append(closed(preview, of: deployment, field: "rollout.preview.port", noun: "preview"))
        }
        let limits = tracked(deployment).compactMap { $0.status?.limitsNotEnforced }
        return all + Set(limits).sorted()
    }

    /// - Throws: only `LocalServingError.invalidName`. If the machine cannot do something now, the observation reports the
    ///   problem and the backend retries by itself.
    package func apply(_ plan: ServingPlan) async throws {
        try SafeName.check(plan.deployment)
        for revision in plan.revisions where !SafeName.isSafe(revision.revision.rawValue) {
            throw LocalServingError(
                .invalidName, "\(revision.revision.rawValue.debugDescription) is not a valid revision.")
        }
        // A removed deployment that does not exist here needs no work: no record, no reconciliation, no change event.
        unplanned.remove(plan.deployment)
        if plan.revisions.isEmpty, records[plan.deployment] == nil, tracked(plan.deployment).isEmpty, !isAwaited(plan) {
            return
        }
        let moved = remember(plan)
        await reconcileInBackground(plan.deployment)
        for deployment in moved { await reconcileInBackground(deployment) }
    }

    /// The last lines of running instances, or of removed ones if none runs.
    package func logs(of deployment: DeploymentKey, revision: Revision?, lines: Int) -> [LogLine] {
        LogReader(state: state).tail(
            of: deployment, revision: revision, lines: lines, current: tracked(deployment).map(\.spec))
    }
}

// MARK: - Plans

extension LocalBackend {
    /// - Returns: other deployments that now got a port which was refused to them before.
    private func remember(_ plan: ServingPlan) -> [DeploymentKey] {
        let deployment = plan.deployment
        var record = records[deployment] ?? DeploymentRecord(deployment: deployment)
        if record.plan != plan {
            recordRemoval(&record, former: record.plan, next: plan)
            record.plan = plan
        }
        if !plan.revisions.isEmpty { record.drainLimit = TrackedInstance.longestDrain(plan.endpoint) }
        let alive = Set(tracked(deployment).map(\.spec.revision))
        record.keepsLogsOf = record.keepsLogsOf.intersection(alive)
            .union(plan.revisions.filter(\.keepsLogs).map(\.revision))
        choosePorts(for: &record, plan)
        keep(record)
        return retryRefusedPorts(besides: deployment)
    }

    /// The record takes effect at once, and is written to disk as soon as possible.
    func keep(_ record: DeploymentRecord) {
        guard records[record.deployment] != record else { return }
        records[record.deployment] = record
        unsaved.insert(record.deployment)
    }

    /// - Throws: if the record cannot be written.
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

    func observedInstances(of deployment: DeploymentKey, _ view: ProxyView) -> [ObservedInstance] {
        let now = clock.now
        let drainLimit = records[deployment]?.drainLimit
        return tracked(deployment).map { $0.seen(in: view, drainLimit: drainLimit, now: now) }
    }
}
