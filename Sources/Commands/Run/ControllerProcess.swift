import ArgumentParser
import ControlAPI
import Controller
import ControllerRuntime
import Foundation
import GitSource
import Journal
import LocalServing
import Logging
import MetricSources
import ModelStorage
import Notifications
import Rollouts
import ServiceLifecycle
import Serving
import TrafficProxy

/// A controller with its adapters, from start to SIGTERM. The only place where all of them meet.
struct ControllerProcess {
    static let tidyingInterval: Duration = .seconds(3600)

    let settings: RunSettings
    let state: URL
    let logger: Logger

    func run() async throws {
        signal(SIGPIPE, SIG_IGN)  // Whoever reads the log may leave.
        HeapMemory.limit()
        try FileManager.default.createDirectory(
            at: state, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        guard
            let lock = try FileLock.acquire(
                state.appending(path: "controller.lock").path(percentEncoded: false), tries: 10)
        else {
            throw ValidationError(
                "another controller is at work on \(state.path(percentEncoded: false)). Stop it first, or give another --state-dir."
            )
        }
        defer { withExtendedLifetime(lock) {} }
        try await runLocked()
    }

    private func runLocked() async throws {
        let listen = try checkedAddress()
        let repository = try openRepository()
        let journal = try JournalStore(
            path: state.appending(path: "journal.sqlite").path(percentEncoded: false),
            onRecovery: { [logger] in logger.warning("Journal started anew", metadata: ["reason": "\($0)"]) })
        let models = ModelStore(
            cacheDirectory: state.appending(path: "models"), roots: FileRoots(own: [state.path(percentEncoded: false)]))
        let clock = SteadyClock(notEarlierThan: await latestEvent(of: journal))
        let clusters = try ClusterSites.open(
            settings, environment: ProcessInfo.processInfo.environment, archive: journal, now: { clock.now() },
            logger: logger)
        let local = try clusters.servesLocally ? localSite(journal, models, listen) : nil
        let notifications = try settings.webhook.map { webhook in
            NotificationQueue(
                try WebhookNotifier(url: webhook.url, secret: WebhookSecret(file: webhook.secretFile)), logger: logger)
        }
        let leadership = try clusters.leadership(
            settings, environment: ProcessInfo.processInfo.environment, logger: logger)
        let controller = Controller(
            configuration: ControllerConfiguration(
                repo: repository.configuration.location.description, branch: settings.branch,
                interval: settings.interval, allowsEmpty: settings.allowsEmpty,
                apiPort: listen.port == 0 ? nil : listen.port),
            with: ControllerCollaborators(
                source: GitManifests(repository: repository), sites: clusters.directory(with: local?.site),
                trail: journal, leadership: leadership, notifier: notifications,
                inquirer: inquirer(journal), outcomes: journal,
                recorder: ReadingRecorder(store: journal, logger: logger), dataPlaneMetrics: local?.metrics,
                now: { clock.now() }),
            logger: logger)
        let server = try ControlServer(
            surface: controller, listen: listen, token: settings.token(),
            logger: logger,
            onListening: { address in
                leadership?.advertise(settings.advertisedAPI(listeningAt: address))
                await announce(address)
            }, standing: { await controller.standing() })
        var services: [any Service] = [
            server,
            LoopService { await clusters.run() },
            ControllerService(controller: controller),
            LoopService { try await tidy(journal, models, controller) },
            LoopService { try await HeapMemory.keepReleasing() },
        ]
        // Before the controller, so that it ends after it.
        if let local { services.insert(LoopService { await local.backend.run() }, at: 1) }
        if let notifications { services.append(LoopService { await notifications.run() }) }
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services.map { .init(service: $0) }, gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger))
        try await group.run()
        logger.info("Stopped; what serves goes on serving. 'mlctl down' stops it")
    }

    /// Time does not go back behind it. A journal that cannot be read yet is waited for by the controller, which says so.
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
        /// The data plane's, in Prometheus' text form.
        var metrics: @Sendable () async throws -> String
    }

    /// This machine.
    private func localSite(
        _ journal: JournalStore, _ models: ModelStore, _ listen: ListenAddress
    ) throws -> LocalSite {
        let backend = try LocalBackend(
            configuration: LocalBackend.Configuration(
                stateDirectory: state, reservedPorts: [listen.port: "the controller's own (--listen)"]),
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

    /// Those that gates may ask, by the names that manifests have for them.
    private func inquirer(_ journal: JournalStore) -> SourceInquirer {
        let checks = CheckRunner(
            outputFolder: state.appending(path: "checks").path(percentEncoded: false),
            secretsFolder: state.appending(path: "secrets").path(percentEncoded: false))
        let contracts = ContractReader()
        return SourceInquirer(
            sources: settings.sources, environment: ProcessInfo.processInfo.environment,
            check: { await checks.run($0, $1) }, contract: { await contracts.read($0, $1) },
            command: { settings, query in
                await CommandSource(command: settings.command, timeout: settings.timeout).value(of: query)
            },
            outcomes: { try await journal.totals(of: $0, revisions: $1, labels: $2, since: $3) }, logger: logger)
    }

    /// - Throws: `ValidationError` where it cannot be listened on, or must not be without a token.
    private func checkedAddress() throws -> ListenAddress {
        do {
            let listen = try ListenAddress(parsing: settings.listen)
            guard try listen.isLoopback || settings.token() != nil else { throw ListenError.unprotected(listen) }
            return listen
        } catch let error as ListenError {
            throw ValidationError(error.description)
        }
    }

    private func openRepository() throws -> GitRepository {
        do {
            return try GitRepository(
                configuration: GitConfiguration(
                    url: settings.repo, reference: settings.branch, path: settings.path,
                    mirrorDirectory: state.appending(path: "git").path(percentEncoded: false)),
                logger: logger)
        } catch {
            throw ValidationError(error.message)
        }
    }

    /// The data plane makes it at its first start.
    private var requestIdKey: @Sendable () -> RequestIdentityKey? {
        let file = ProxyFiles(stateDirectory: state.path(percentEncoded: false)).requestIdKey
        return { FileManager.default.contents(atPath: file).flatMap { RequestIdentityKey(Array($0)) } }
    }

    /// Where programs find this controller's API.
    private func announce(_ address: ListenAddress) async {
        logger.info(
            "Controller runs",
            metadata: [
                "api": "http://\(address)", "repo": "\(GitLocation.identity(of: settings.repo))",
                "branch": "\(settings.branch)",
            ])
        let record = try? JSONEncoder().encode(ControllerRecord(api: "http://\(address)", pid: getpid()))
        try? record?.write(to: ControllerRecord.file(in: state), options: .atomic)
    }

    /// Old events and outcomes, and model files that no revision would come back to. A failure waits for the next time.
    private func tidy(_ journal: JournalStore, _ models: ModelStore, _ controller: Controller) async throws {
        while !Task.isCancelled {
            do {
                try await journal.prune()
                let states = try await journal.records().values.map { try RolloutRecords.decode($0.state) }
                // Records of clusters are not in the journal: outcomes of theirs stay until all sites are known.
                if let known = await controller.revisionsInUse() { try await journal.pruneOutcomes(keeping: known) }
                await models.setInUse(Set(states.flatMap(\.templates).compactMap { $0.model.digest?.description }))
                _ = try await models.evict()
            } catch {
                logger.warning("Tidying failed", metadata: ["error": "\(error)"])
            }
            try await Task.sleep(for: Self.tidyingInterval)
        }
    }
}

/// What a running controller leaves in its state folder, for those who want to reach it.
struct ControllerRecord: Codable {
    var api: String
    var pid: Int32

    static func file(in state: URL) -> URL { state.appending(path: "controller.json") }
}

/// The controller, which ends its passes before it goes.
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

/// Work that goes on until the process is asked to stop.
struct LoopService: Service {
    let work: @Sendable () async throws -> Void

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            do { try await work() } catch is CancellationError {}
        }
    }
}
