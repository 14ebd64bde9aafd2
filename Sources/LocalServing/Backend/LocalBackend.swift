import Foundation
import Logging
import ModelManifests
import Serving

/// Makes serving plans true with processes of this machine: a keeper for each instance, and one proxy for all.
///
/// Everything that it has begun is on disk before it happens, and the processes outlive it: a new backend on the same
/// state folder goes on where the former one was cut off. `run` must be running for anything to go on between calls.
public actor LocalBackend: ServingBackend {
    public struct Configuration: Sendable {
        public var stateDirectory: URL
        /// The controller's own; of it, servers get PATH, HOME, LANG and TMPDIR.
        public var environment: [String: String]

        public init(
            stateDirectory: URL, environment: [String: String] = ProcessInfo.processInfo.environment
        ) {
            self.stateDirectory = stateDirectory
            self.environment = environment
        }
    }

    public nonisolated let changes: AsyncStream<DeploymentKey>

    static let maximumBufferedChanges = 1 << 16
    static let maximumRounds = 8
    static let maximumConcurrentFetches = 4

    let state: StateFolder
    let inherited: [String: String]
    let files: any ModelFiles
    let launcher: any ProcessLauncher
    let proxy: ProxyLink
    let logger: Logger
    let clock = ContinuousClock()
    let changed: AsyncStream<DeploymentKey>.Continuation
    let events: AsyncStream<BackendEvent>
    let eventSink: AsyncStream<BackendEvent>.Continuation
    let fetchRequests: AsyncStream<String>
    let fetchSink: AsyncStream<String>.Continuation
    let watch: FolderWatch?
    var records: [DeploymentKey: DeploymentRecord] = [:]
    var instances: [String: TrackedInstance] = [:]
    /// Of the state folder as a whole.
    var stateProblems: [String] = []
    var problems: [DeploymentKey: String] = [:]
    var endpointProblems: [DeploymentKey: String] = [:]
    var routeVersion = 0
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
        self.files = files
        self.launcher = launcher
        self.logger = logger
        inherited = InstanceSpec.inherited(from: configuration.environment)
        (changes, changed) = AsyncStream.makeStream(
            of: DeploymentKey.self, bufferingPolicy: .bufferingNewest(Self.maximumBufferedChanges))
        let (events, eventSink) = AsyncStream.makeStream(
            of: BackendEvent.self, bufferingPolicy: .bufferingNewest(Self.maximumBufferedChanges))
        self.events = events
        self.eventSink = eventSink
        (fetchRequests, fetchSink) = AsyncStream.makeStream(
            of: String.self, bufferingPolicy: .bufferingNewest(Self.maximumBufferedChanges))
        proxy = ProxyLink(
            state: state, launcher: launcher, client: ProxyClient(socket: state.proxySocket), logger: logger,
            changed: { eventSink.yield(.proxyChanged) })
        // Without it (a machine may allow no more), everything is looked at now and then.
        watch = try? FolderWatch()
        try? watch?.add(state.proxy, tag: BackendEvent.proxyTag)

        let found = DeploymentRecord.readAll(state)
        stateProblems = found.problems
        records = Dictionary(found.records.map { ($0.deployment, $0) }) { first, _ in first }
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
        let view = await proxy.view
        let seen = seenInstances(of: deployment, view)
        let share = view.share(of: deployment)
        let preview = share.preview.flatMap { $0.listening ? $0.port : nil }
        let record = records[deployment]
        let isOpen = record?.plan?.isOpen == true && share.endpoint?.listening == true
        return Observation(
            instances: seen.map(\.observation),
            endpoint: isOpen ? record?.port.map { "http://127.0.0.1:\($0)" } : nil,
            preview: preview.map { "http://127.0.0.1:\($0)" }, weights: share.weights,
            mirrors: share.mirrors, plan: record?.plan, problems: problems(of: deployment, share),
            cutRequests: view.reports?[deployment]?.cutRequests ?? 0,
            refusedConnections: view.reports?[deployment]?.refusedConnections ?? 0)
    }

    private func problems(of deployment: DeploymentKey, _ share: ProxyView.Share) -> [String] {
        var all = stateProblems + [problems[deployment], endpointProblems[deployment], share.problem].compactMap { $0 }
        // An endpoint that could not move still listens where it was.
        if let endpoint = share.endpoint, let error = endpoint.error {
            all.append(
                "the endpoint's port \(endpoint.port) cannot be opened: \(error). "
                    + "Stop what uses it, or set another `endpoint.port`.")
        }
        for report in [share.endpoint, share.preview].compactMap(\.self) { all += report.problems }
        if let preview = share.preview, !preview.listening, let error = preview.error {
            all.append(
                "the preview's port \(preview.port) cannot be opened: \(error). "
                    + "Stop what uses it, or set another `rollout.preview.port`.")
        }
        let limits = tracked(deployment).compactMap { $0.status?.limitsNotEnforced }
        return all + Set(limits).sorted()
    }

    public func apply(_ plan: ServingPlan) async throws {
        try SafeName.check(plan.deployment)
        for revision in plan.revisions where !SafeName.isSafe(revision.revision.rawValue) {
            throw LocalServingError(
                .invalidName, "\(revision.revision.rawValue.debugDescription) is no revision.", retry: .terminal)
        }
        try remember(plan)
        try await reconcile(plan.deployment)
    }

    /// The last lines of the instances that run, or of those that did.
    public func logs(of deployment: DeploymentKey, revision: Revision?, lines: Int) -> [ServerLogLine] {
        LogReader(state: state).tail(
            of: deployment, revision: revision, lines: lines, current: tracked(deployment).map(\.spec))
    }
}

// MARK: - Plans

extension LocalBackend {
    private func remember(_ plan: ServingPlan) throws {
        let deployment = plan.deployment
        var record = records[deployment] ?? DeploymentRecord(deployment: deployment)
        record.plan = plan
        let alive = Set(tracked(deployment).map(\.spec.revision))
        record.keepsLogsOf = record.keepsLogsOf.intersection(alive)
            .union(plan.revisions.filter(\.keepsLogs).map(\.revision))
        choosePorts(for: &record, plan)
        try write(record)
    }

    private func choosePorts(for record: inout DeploymentRecord, _ plan: ServingPlan) {
        endpointProblems[plan.deployment] = nil
        guard !plan.revisions.isEmpty else { return }
        let others = records.values.filter { $0.deployment != plan.deployment && !$0.isEmpty }
        var taken: [Int: DeploymentKey] = [:]
        for other in others {
            for port in [other.port, other.previewPort].compactMap({ $0 }) { taken[port] = other.deployment }
        }
        record.port = choosePort(plan, fixed: plan.endpoint.port, remembered: record.port, taken)
        guard let preview = plan.revisions.lazy.compactMap(\.preview).first else { return }
        if let port = record.port { taken[port] = plan.deployment }
        record.previewPort = choosePort(plan, fixed: preview.port, remembered: record.previewPort, taken)
    }

    private func choosePort(
        _ plan: ServingPlan, fixed: Int?, remembered: Int?, _ taken: [Int: DeploymentKey]
    ) -> Int? {
        let choice = EndpointPorts.choose(
            fixed: fixed, remembered: remembered, taken: taken, ephemeral: EndpointPorts.ephemeral(),
            isFree: EndpointPorts.isFree)
        switch choice {
        case .port(let port): return port
        case .problem(let text):
            endpointProblems[plan.deployment] = text
            return remembered
        }
    }

    func write(_ record: DeploymentRecord) throws {
        guard records[record.deployment] != record else { return }
        let path = DeploymentRecord.path(record.deployment, in: state)
        try StateFile.makeFolder("\(state.deployments)/\(record.deployment.namespace)")
        try StateFile.write(record, to: path)
        records[record.deployment] = record
    }

    func tracked(_ deployment: DeploymentKey) -> [TrackedInstance] {
        instances.values.filter { $0.spec.deployment == deployment }.sorted { $0.spec.number < $1.spec.number }
    }

    func seenInstances(of deployment: DeploymentKey, _ view: ProxyView) -> [SeenInstance] {
        let now = clock.now
        return tracked(deployment).map { $0.seen(in: view, now: now) }
    }
}
