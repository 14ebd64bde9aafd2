import ArgumentParser
import ControlAPI
import ControlPorts
import Controller
import ControllerRuntime
import Foundation
import GitSource
import Journal
import LocalServing
import Logging
import MetricSources
import ModelManifests
import ModelStorage
import Notifications
import Presentation
import Rollouts
import ServiceLifecycle
import Serving
import TrafficProxy

/// A controller with its adapters, from start to SIGTERM. Only here are all of them connected.
struct ControllerProcess {
    static let tidyingInterval: Duration = .seconds(3600)

    let settings: RunSettings
    let state: URL
    let logger: Logger
    let owners = ProjectOwners()

    func run() async throws {
        signal(SIGPIPE, SIG_IGN)  // The reader of the log may go away.
        HeapMemory.limit()
        do {
            try await runHeld()
        } catch let error where Self.saysWhatToDo(error) {
            throw error
        } catch {
            // Whatever failed first: where the folder takes no files, that is why.
            guard let fault = StateFolderFault.find(state.path(percentEncoded: false)) else { throw error }
            throw CommandFailure(.failed, "\(fault) (\(error))")
        }
    }

    /// It is about the settings or the place, and not about what failed to be written.
    private static func saysWhatToDo(_ error: any Error) -> Bool {
        error is ValidationError || error is CommandFailure || error is CancellationError
    }

    /// With the state folder's lock, so that no other controller works on it.
    private func runHeld() async throws {
        try TrustedPlaces.checkState(state, making: true, logger: logger)
        guard
            let lock = try FileLock.acquire(
                state.appending(path: "controller.lock").path(percentEncoded: false), tries: 10)
        else {
            throw ValidationError(
                "another controller uses \(state.path(percentEncoded: false)). Stop it first, or give another --state-dir."
            )
        }
        defer { withExtendedLifetime(lock) {} }
        try await runLocked()
    }

    private func runLocked() async throws {
        let ports = try ControllerPorts(settings)
        let files = AccessFiles(
            settings: settings.access, tokenFile: settings.tokenFile,
            environmentToken: ProcessInfo.processInfo.environment["MLCTL_TOKEN"], state: state)
        let register = TokenRegistry(try files.keys())
        let certificates = try files.certificates()
        let sources = try settings.projects.map(openSource)
        let journal = try JournalStore(
            path: state.appending(path: "journal.sqlite").path(percentEncoded: false),
            onRecovery: { [logger] in logger.warning("Started a new journal", metadata: ["reason": "\($0)"]) })
        let models = ModelStore(
            cacheDirectory: state.appending(path: "models"), roots: FileRoots(own: [state.path(percentEncoded: false)]),
            environment: StoreEnvironment(ProcessInfo.processInfo.environment), fetchers: fetchers())
        let clock = SteadyClock(notEarlierThan: await latestEvent(of: journal))
        let clusters = try ClusterSites.open(
            settings, environment: ProcessInfo.processInfo.environment, archive: journal, now: { clock.now() },
            logger: logger)
        let local = try clusters.servesLocally ? localSite(journal, models, ports) : nil
        let notifications = try settings.webhook.map { webhook in
            NotificationQueue(
                try WebhookNotifier(url: webhook.url, secret: WebhookSecret(file: webhook.secretFile)), logger: logger)
        }
        let leadership = try clusters.leadership(
            settings, environment: ProcessInfo.processInfo.environment, logger: logger)
        let controller = Controller(
            configuration: ControllerConfiguration(
                interval: settings.interval, apiPort: ports.api.port, probePort: ports.probes?.port),
            with: ControllerCollaborators(
                sources: sources, sites: clusters.directory(with: local?.site),
                trail: journal, leadership: leadership, notifier: notifications,
                inquirer: inquirer(journal), outcomes: journal,
                recorder: ReadingRecorder(store: journal, logger: logger), owners: owners,
                dataPlaneMetrics: local?.metrics,
                now: { clock.now() }),
            logger: logger)
        let server = try server(controller, ports, register, certificates, sources) { address in
            leadership?.advertise(settings.advertisedAPI(listeningAt: address))
        }
        let entry = announce(ports.api)
        defer { ControllerRegistry().remove(entry, port: ports.api.port) }
        var services: [any Service] = [
            server,
            LoopService { try await files.follow(register, certificates, logger: logger) },
            LoopService { await clusters.run() },
            ControllerService(controller: controller),
            LoopService { try await tidy(journal, models, controller) },
            LoopService { try await HeapMemory.releasePeriodically() },
        ]
        // Before the controller in the list, so that it ends after it.
        if let local { services.insert(LoopService { await local.backend.run() }, at: 1) }
        if let notifications { services.append(LoopService { await notifications.run() }) }
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services.map { .init(service: $0) }, gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger))
        try await group.run()
        logger.info("Stopped; models keep serving. 'mlctl down' stops them")
    }

    /// The clock never goes back behind this time. The controller itself waits for a journal that cannot be read yet, and says
    /// so.
    private func latestEvent(of journal: JournalStore) async -> Date? {
        do {
            return try await journal.latestEventAt()
        } catch {
            logger.error("The journal cannot be read yet", metadata: ["error": "\(error)"])
            return nil
        }
    }

    private struct LocalSite {
        var backend: LocalBackend
        var site: Site
        /// The proxy's metrics, in the Prometheus text format.
        var metrics: @Sendable () async throws -> String
    }

    /// The site for this machine.
    private func localSite(
        _ journal: JournalStore, _ models: ModelStore, _ ports: ControllerPorts
    ) throws -> LocalSite {
        let backend = try LocalBackend(
            configuration: LocalBackend.Configuration(
                stateDirectory: state, reservedPorts: ports.reserved, secrets: secrets.folder),
            files: StoredModelFiles(store: models),
            launcher: ExecutableLauncher(stateDirectory: state), logger: logger)
        let proxy = ProxyClient(stateDirectory: state)
        let requestIdKey = requestIdKey
        let meter = ProcessMeter()
        let counters = MeteredCounters(ProxyCounters { try await proxy.report() }, epoch: UUID().uuidString) {
            await meter.costs(of: await backend.servers(of: $0))
        }
        return LocalSite(
            backend: backend,
            site: Site(
                backend: backend, store: journal, metrics: counters,
                logs: LocalLogs(backend: backend), requestIdKey: { _ in requestIdKey() }),
            metrics: { try await proxy.metrics() })
    }

    private var secrets: ProjectSecrets { ProjectSecrets(settings.projects, owners: owners, state: state) }

    /// The sources that gates can ask, by their names in manifests.
    private func inquirer(_ journal: JournalStore) -> SourceInquirer {
        let checks = CheckRunner(
            outputFolder: state.appending(path: "checks").path(percentEncoded: false), secrets: secrets.folder)
        let contracts = ContractReader()
        return SourceInquirer(
            sources: settings.sources, environment: ProcessInfo.processInfo.environment,
            check: { await checks.run($0, $1) }, contract: { await contracts.read($0, $1) },
            command: { settings, query in
                await CommandSource(command: settings.command, timeout: settings.timeout).value(of: query)
            },
            outcomes: { try await journal.totals(of: $0, revisions: $1, labels: $2, since: $3) }, logger: logger)
    }

    /// The API server, on its address, on the state folder's socket, and on the address for probes.
    private func server(
        _ controller: Controller, _ ports: ControllerPorts, _ register: TokenRegistry,
        _ certificates: ServerCertificates?,
        _ sources: [ProjectSource], _ onListening: @escaping @Sendable (ListenAddress) -> Void
    ) throws -> ControlServer {
        let followed = sources.map { "\($0.name) (\($0.repo), \($0.reference))" }.joined(separator: ", ")
        do {
            return try ControlServer(
                surface: controller,
                listeners: ControlServer.Listeners(
                    api: ports.api, tls: certificates,
                    socket: ControllerRecord.socket(in: state).path(percentEncoded: false), probes: ports.probes),
                register: register, logger: logger,
                onListening: { [settings, logger] address in
                    logger.info(
                        "Controller started",
                        metadata: ["api": "\(settings.access.scheme)://\(address)", "projects": "\(followed)"])
                    onListening(address)
                },
                whoHolds: { address in
                    PortHolder.of(port: address.port).map { .init(words: $0.words, isController: $0.isController) }
                }, hooks: settings.projects.map(\.hookRule), standing: { await controller.standing() })
        } catch {
            throw ValidationError(error.description)
        }
    }

    /// - Throws: `ValidationError` where an address or a reference is invalid.
    private func openSource(_ project: Project) throws -> ProjectSource {
        let isOnly = project.name == Project.defaultName
        if let file = project.verify?.file, let problem = try TrustedPlaces.problem(with: file, as: .settings) {
            throw problem
        }
        if let file = project.hookSecretFile {
            do {
                _ = try WebhookSecret(file: file)
            } catch let error as NotificationError {
                throw ValidationError("project '\(project.name)': webhooks.secretFile: \(error.message)")
            }
            if let problem = try TrustedPlaces.problem(with: file, as: .secret) { throw problem }
        }
        if let key = project.writeBack.signingKeyFile {
            guard FileManager.default.isReadableFile(atPath: key) else {
                throw ValidationError(
                    "project '\(project.name)': writeBack.signingKeyFile: \(key) is missing or cannot be read; create it "
                        + "with ssh-keygen, or correct the path")
            }
            if let problem = try TrustedPlaces.problem(with: key, as: .secret) { throw problem }
        }
        do throws(GitError) {
            let repository = GitRepository(
                configuration: try project.gitConfiguration(
                    mirror: state.appending(path: isOnly ? "git" : "repositories/\(project.name)")
                        .path(percentEncoded: false)),
                logger: logger)
            let open = project.policy.missingWalls
            if !isOnly, !open.isEmpty {
                logger.warning(
                    "A project's policy does not restrict everything",
                    metadata: ["project": "\(project.name)", "unlimited": "\(open.joined(separator: ", "))"])
            }
            let identity = CommitIdentity(project.writeBack.author) ?? CommitIdentity(WriteBack.defaultAuthor)
            let writer = identity.map {
                GitReverts(repository: repository, identity: $0, signingKeyFile: project.writeBack.signingKeyFile)
            }
            return ProjectSource(
                GitManifests(repository: repository), rules: settings.rules(of: project),
                repo: repository.configuration.location.description, reference: project.reference.description,
                path: project.path, allowsEmpty: project.allowsEmpty, writeBack: project.writeBack,
                writer: project.writeBack.mode == .none ? nil : writer)
        } catch {
            throw ValidationError(isOnly ? error.message : "project '\(project.name)': \(error.message)")
        }
    }

    /// The proxy creates the key at its first start.
    private var requestIdKey: @Sendable () -> RequestIdentityKey? {
        let file = ProxyFiles(stateDirectory: state.path(percentEncoded: false)).requestIdKey
        return { FileManager.default.contents(atPath: file).flatMap { RequestIdentityKey(Array($0)) } }
    }

    /// Records where programs find this controller's API: in the state folder, and in the registry for those that only know an
    /// address.
    private func announce(_ address: ListenAddress) -> ControllerRegistry.Entry {
        let api = "\(settings.access.scheme)://\(address)"
        let record = try? JSONEncoder().encode(ControllerRecord(api: api, pid: getpid(), version: Version.text))
        try? record?.write(to: ControllerRecord.file(in: state), options: .atomic)
        let entry = ControllerRegistry.Entry(api: api, stateDirectory: state.path(percentEncoded: false))
        // The entry of another controller at that port stays: this controller is about to fail.
        if PortHolder.of(port: address.port)?.isController != true {
            ControllerRegistry().register(entry, port: address.port)
        }
        return entry
    }

    /// Deletes old events and outcomes, and model files that no revision needs. After a failure it tries again the next time.
    private func fetchers() -> [String: any ModelFetcher] {
        let environment = ProcessInfo.processInfo.environment
        let programs = settings.fetchers.map { fetcher in
            (fetcher.name, ProgramFetcher(settings: fetcher, environment: environment) as any ModelFetcher)
        }
        return Dictionary(programs) { first, _ in first }
    }

    private func tidy(_ journal: JournalStore, _ models: ModelStore, _ controller: Controller) async throws {
        while !Task.isCancelled {
            do {
                try await journal.prune()
                let states = try await journal.records().values.map { try RolloutRecords.decode($0.state) }
                // Records of clusters are not in the journal, so their outcomes stay until all sites are known.
                if let known = await controller.revisionsInUse() { try await journal.pruneOutcomes(keeping: known) }
                await models.setInUse(Set(states.flatMap(\.templates).compactMap { $0.model.digest?.description }))
                _ = try await models.evict()
            } catch {
                logger.warning("Cleanup failed", metadata: ["error": "\(error)"])
            }
            try await Task.sleep(for: Self.tidyingInterval)
        }
    }
}

/// Runs the controller, and lets it finish its passes before it stops.
struct ControllerService: Service {
    let controller: Controller

    func run() async throws {
        try await withGracefulShutdownHandler {
            do { try await controller.run() } catch is CancellationError {}
        } onGracefulShutdown: {
            controller.drain()
        }
    }
}

/// Work that runs until the process is asked to stop.
struct LoopService: Service {
    let work: @Sendable () async throws -> Void

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            do { try await work() } catch is CancellationError {}
        }
    }
}
