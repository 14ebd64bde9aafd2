import Foundation
import Logging
import ModelManifests
import Serving

/// Keeps one proxy running, and keeps its routes equal to the wanted routes.
actor ProxyLink {
    /// Maximum interval between two looks: for ports that could not be opened, and for a proxy that lost its routes.
    static let lookInterval = Duration.seconds(1)
    static let launchPatience = Duration.seconds(10)
    static let askInterval = Duration.milliseconds(15)
    static let unansweredIsAProblem = 3
    static let eagerAsks = 40
    static let firstRelaunchDelay = Duration.milliseconds(50)
    static let longestRelaunchDelay = Duration.seconds(2)
    /// How long `firstView` waits for the first answer of a running proxy.
    static let firstLookPatience = Duration.seconds(2)

    private let state: StateFolder
    private let launcher: any ProcessLauncher
    private let client: ProxyClient
    private let logger: Logger
    private let clock = ContinuousClock()
    private let begunAt: ContinuousClock.Instant
    private var hasLooked = false
    private var hung: HungProxyTerminator
    /// Deployments with a plan since the start. Routes of the others come from stored records.
    private var planned: Set<DeploymentKey> = []
    /// The routes that the proxy followed when it was first asked, with its epoch.
    private var found: (epoch: String, routes: [DeploymentKey: ProxyRoute])?
    private var wanted: [DeploymentKey: ProxyRoute] = [:]
    private var versions: [DeploymentKey: Int] = [:]
    private var launched: (any LaunchedProcess)?
    private var launchedAt: ContinuousClock.Instant?
    private var launchesInVain = 0
    private var unanswered = 0
    private(set) var view = ProxyView()
    private let wakes: AsyncStream<Void>
    private let wakeUp: AsyncStream<Void>.Continuation
    /// Called whenever `view` has changed.
    private let changed: @Sendable () -> Void

    init(
        state: StateFolder, launcher: any ProcessLauncher, client: ProxyClient, logger: Logger,
        changed: @escaping @Sendable () -> Void
    ) {
        self.state = state
        self.launcher = launcher
        self.client = client
        self.logger = logger
        self.changed = changed
        begunAt = clock.now
        hung = HungProxyTerminator(state: state)
        (wakes, wakeUp) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Sets the routes that the proxy should have for these deployments, all in one update. Nil closes an endpoint.
    /// - Parameters:
    ///   - version: grows with each call. A call with an older version is ignored, because it was overtaken.
    ///   - unplanned: deployments without a plan so far. Their shares stay as the proxy has them.
    func want(_ routes: [DeploymentKey: ProxyRoute?], version: Int, unplanned: Set<DeploymentKey> = []) {
        var hasChanged = false
        for deployment in routes.keys where !unplanned.contains(deployment) && planned.insert(deployment).inserted {
            hasChanged = true
        }
        for (deployment, route) in routes where version > versions[deployment] ?? .min {
            versions[deployment] = version
            guard wanted[deployment] != route else { continue }
            wanted[deployment] = route
            hasChanged = true
        }
        if hasChanged { wakeUp.yield() }
    }

    /// Keeps saved routes of deployments about which nothing else is known, until a plan or record is known.
    func keep(_ routes: [ProxyRoute]) {
        for route in routes where wanted[route.deployment] == nil { wanted[route.deployment] = route }
        if !routes.isEmpty { wakeUp.yield() }
    }

    /// The view, after the first answer of the proxy or `firstLookPatience`, whichever comes first.
    func firstView() async -> ProxyView {
        while !hasLooked, clock.now - begunAt < Self.firstLookPatience, !Task.isCancelled {
            try? await Task.sleep(for: Self.askInterval)
        }
        return view
    }

    /// Asks the proxy now, because its state may have changed.
    nonisolated func look() { wakeUp.yield() }

    /// Runs until the task is cancelled. The proxy keeps running.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { [wakeUp] in
                while (try? await Task.sleep(for: Self.lookInterval)) != nil { wakeUp.yield() }
            }
            for await _ in wakes {
                let before = view
                await updateProxy()
                if view != before { changed() }
                if Task.isCancelled { break }
            }
            group.cancelAll()
        }
    }

    private func updateProxy() async {
        do {
            let report = try await client.report()
            noteAnswer(report)
            hasLooked = true
            hung.noteAnswer()
            try await push(after: report)
            view.problem = nil
        } catch let error as LocalServingError where error.code == .proxyUnreachable {
            view.answers = false
            await restartIfDown(because: error)
        } catch {
            view.problem = (error as? LocalServingError)?.message ?? "the proxy cannot be updated: \(error)"
            logger.warning("the proxy did not take its routes", metadata: ["error": "\(error)"])
        }
    }

    private func noteAnswer(_ report: ProxyReport) {
        view.note(report)
        launchesInVain = 0
        unanswered = 0
    }

    /// Continues the generation numbers of the proxy's current routes, whoever set them.
    private func push(after report: ProxyReport) async throws {
        let routes = try await routesToFollow(report.epoch)
        guard view.followed?.routes != routes else { return }
        let next = ProxyRoutes(generation: report.generation + 1, routes: routes)
        let answer = try await client.replaceRoutes(next)
        noteAnswer(answer)
        if answer.generation == next.generation { view.follow(next) }
        logger.debug("routes replaced", metadata: ["generation": "\(next.generation)", "routes": "\(routes.count)"])
        // If the wanted routes changed meanwhile, that change has already triggered the next round.
    }

    /// Records may be older than the routes that the proxy has, for example after a full disk. So until a deployment has a plan,
    /// its revisions keep the shares that they have at the proxy.
    private func routesToFollow(_ epoch: String) async throws -> [ProxyRoute] {
        let hasUnplanned = wanted.keys.contains { !planned.contains($0) }
        if hasUnplanned, found?.epoch != epoch {
            let followed = try await client.routesIfTold()
            found = (epoch, Dictionary(followed.map { ($0.deployment, $0) }) { $1 })
        }
        return wanted.values.sorted { $0.deployment < $1.deployment }.map { route in
            guard !planned.contains(route.deployment), let former = found?.routes[route.deployment] else {
                return route
            }
            return route.withShares(of: former)
        }
    }

    /// Handles a proxy that does not answer. Starts a proxy if none runs, and asks again soon.
    private func restartIfDown(because error: LocalServingError) async {
        unanswered += 1
        if launched?.isRunning == true, let launchedAt, clock.now - launchedAt < Self.launchPatience {
            await soon(Self.askInterval)
            return
        }
        guard !FileLock.isHeld(state.proxyLock) else {
            // It may be about to answer or about to end. A hung proxy is asked occasionally and ended after a time.
            if hung.endIfHung(at: clock.now - begunAt) {
                logger.error("the proxy hung and was ended")
            } else if unanswered >= Self.unansweredIsAProblem {
                view.problem = "\(error.message). \(Self.whatIsDone)"
            }
            if unanswered < Self.eagerAsks { await soon(Self.askInterval) }
            return
        }
        view.noteDown()
        hasLooked = true
        if !wanted.isEmpty { await launch() }
    }

    private func launch() async {
        if launchesInVain > 0 {
            view.problem = "the proxy ended \(launchesInVain) times in a row; \(lastWords). It is being started again"
            let delay = Self.firstRelaunchDelay * (1 << min(launchesInVain - 1, 12))
            try? await Task.sleep(for: min(delay, Self.longestRelaunchDelay))
        }
        launchesInVain += 1
        do {
            launched = try launcher.launch(.proxy)
            launchedAt = clock.now
            logger.info("proxy started")
        } catch {
            view.problem = "the proxy cannot be started: \(error)"
        }
        await soon(Self.askInterval)
    }

    /// The last line of the proxy's log, to show why it ended.
    private var lastWords: String {
        let log = state.logOfProxy
        return lastLine(of: log).map { "its last log line: \($0) (\(log))" } ?? "its log \(log) is empty"
    }

    /// What is done about a proxy that runs but does not answer.
    static let whatIsDone = "mlctl restarts it if it stays stuck for \(HangDetector.patience.spoken)."

    private func soon(_ delay: Duration) async {
        try? await Task.sleep(for: delay)
        wakeUp.yield()
    }
}
