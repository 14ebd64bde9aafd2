import Foundation
import Logging
import ModelManifests
import Serving

/// Keeps one proxy running and in step with the wanted routes.
actor ProxyLink {
    /// A look at least so often, for ports that could not be opened and a proxy that fell back.
    static let lookInterval = Duration.seconds(1)
    static let launchPatience = Duration.seconds(10)
    static let askInterval = Duration.milliseconds(15)
    static let unansweredIsAProblem = 3
    static let eagerAsks = 40
    static let firstRelaunchDelay = Duration.milliseconds(50)
    static let longestRelaunchDelay = Duration.seconds(2)
    /// Before its first answer nothing is known of a proxy that runs.
    static let firstLookPatience = Duration.seconds(2)

    private let state: StateFolder
    private let launcher: any ProcessLauncher
    private let client: ProxyClient
    private let logger: Logger
    private let clock = ContinuousClock()
    private let begunAt: ContinuousClock.Instant
    private var hasLooked = false
    private var hung: HungProxy
    /// Deployments of which somebody has said what is wanted now; the routes of others are as the last records have them.
    private var planned: Set<DeploymentKey> = []
    /// What the proxy was found to follow, by its epoch.
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
    /// Told whenever the view has changed.
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
        hung = HungProxy(state: state)
        (wakes, wakeUp) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// What the proxy is to do for these deployments from now on, all of it at once; nil closes an endpoint.
    /// - Parameters:
    ///   - version: rises; a wish that was overtaken on its way here is passed over.
    ///   - unplanned: deployments whose shares stay as the proxy has them.
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

    /// Routes of which nothing but themselves is known: kept until something is.
    func keep(_ routes: [ProxyRoute]) {
        for route in routes where wanted[route.deployment] == nil { wanted[route.deployment] = route }
        if !routes.isEmpty { wakeUp.yield() }
    }

    /// What is known of the proxy: soon after the start, not before something is.
    func firstView() async -> ProxyView {
        while !hasLooked, clock.now - begunAt < Self.firstLookPatience, !Task.isCancelled {
            try? await Task.sleep(for: Self.askInterval)
        }
        return view
    }

    /// Something may have happened to the proxy: look now.
    nonisolated func look() { wakeUp.yield() }

    /// Until cancelled. The proxy lives on.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { [wakeUp] in
                while (try? await Task.sleep(for: Self.lookInterval)) != nil { wakeUp.yield() }
            }
            for await _ in wakes {
                let before = view
                await followUp()
                if view != before { changed() }
                if Task.isCancelled { break }
            }
            group.cancelAll()
        }
    }

    private func followUp() async {
        do {
            let report = try await client.report()
            noteAnswer(report)
            hasLooked = true
            hung.noteAnswer()
            try await push(after: report)
            view.problem = nil
        } catch let error as LocalServingError where error.code == .proxyUnreachable {
            view.answers = false
            await bringBack(because: error)
        } catch {
            view.problem = (error as? LocalServingError)?.message ?? "the proxy: \(error)"
            logger.warning("the proxy did not take its routes", metadata: ["error": "\(error)"])
        }
    }

    private func noteAnswer(_ report: ProxyReport) {
        view.note(report)
        launchesInVain = 0
        unanswered = 0
    }

    /// Generations go on from the proxy's own, whoever gave it those.
    private func push(after report: ProxyReport) async throws {
        let routes = try await routesToFollow(report.epoch)
        guard view.followed?.routes != routes else { return }
        let next = ProxyRoutes(generation: report.generation + 1, routes: routes)
        let answer = try await client.replaceRoutes(next)
        noteAnswer(answer)
        if answer.generation == next.generation { view.follow(next) }
        logger.debug("routes replaced", metadata: ["generation": "\(next.generation)", "routes": "\(routes.count)"])
        // What was wanted in the meantime is pushed by the wake that it caused.
    }

    /// Records may be older than what the proxy was told last, on a disk that was full say. So until somebody has said what is
    /// wanted now, no revision gets a share that it does not have.
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

    /// The proxy does not answer. If none runs, starts one and asks again soon.
    private func bringBack(because error: LocalServingError) async {
        unanswered += 1
        if launched?.isRunning == true, let launchedAt, clock.now - launchedAt < Self.launchPatience {
            await soon(Self.askInterval)
            return
        }
        guard !FileLock.isHeld(state.proxyLock) else {
            // It may be about to answer, or about to end; one that hangs is asked once in a while, and ended in the end.
            if hung.endIfHung(at: clock.now - begunAt) {
                logger.error("the proxy hung, and was ended")
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
            view.problem = "the proxy ended \(launchesInVain) times in a row; \(lastWords). It is started again"
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

    /// Why the last one ended.
    private var lastWords: String {
        let log = state.logOfProxy
        return lastLine(of: log).map { "it said: \($0) (\(log))" } ?? "it wrote nothing into \(log)"
    }

    /// Of one that runs and does not answer.
    static let whatIsDone = "It is started again when it has not run for \(HangWatch.patience.spoken)."

    private func soon(_ delay: Duration) async {
        try? await Task.sleep(for: delay)
        wakeUp.yield()
    }
}
