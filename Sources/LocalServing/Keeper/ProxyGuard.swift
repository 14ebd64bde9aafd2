import Foundation
import Glibc
import ModelManifests
import Serving
import Synchronization

/// What a keeper's two halves tell each other of the proxy.
final class StartedProxies: Sendable {
    private struct State {
        var started: [ChildProcess] = []
        /// Where the instance answers now, after it answered elsewhere; nil where nothing is to be told.
        var ownPort: Int?
    }

    private let state = Mutex(State())

    /// Starts one. Nobody takes it for a part of the instance, not even at its first instant.
    func start(_ launch: () throws -> any LaunchedProcess) rethrows {
        try state.withLock { state in
            guard let process = try launch() as? ChildProcess else { return }
            state.started.append(process)
        }
    }

    /// The machine's processes, and which of them were started here.
    func look() -> (table: ProcessTable, started: Set<Int32>) {
        state.withLock { (ProcessTable.now(), Set($0.started.map(\.pid))) }
    }

    /// Looks which of those that were started here live.
    /// - Returns: whether one does.
    func areRunning() -> Bool {
        state.withLock { state in
            state.started.removeAll { !$0.isRunning }
            return !state.started.isEmpty
        }
    }

    func noteOwnPort(_ port: Int?) { state.withLock { $0.ownPort = port } }

    var ownPort: Int? { state.withLock(\.ownPort) }
}

/// When a proxy is to be started by whoever looks after it.
struct ProxyWatch: Hashable, Sendable {
    /// A controller that lives brings the proxy back by itself, and at once.
    static let controllerPatience = Duration.seconds(5)
    static let firstLaunchDelay = Duration.milliseconds(500)
    static let longestLaunchDelay = Duration.seconds(2)
    /// One that was started and lives gets so long to come up: a second one would only take its time away.
    static let launchPatience = Duration.seconds(10)

    private var missingSince: Duration?
    private var launches = 0
    private var launchedAt: Duration?
    private var nextLaunchAt = Duration.zero

    /// - Parameters:
    ///   - isStarting: the one that was started last lives, and does not serve yet.
    ///   - hasRoutes: without any there is nothing to serve.
    /// - Returns: whether to start one now.
    mutating func look(
        isRunning: Bool, isStarting: Bool = false, hasRoutes: Bool, hasController: Bool, at now: Duration
    ) -> Bool {
        guard !isRunning, hasRoutes else {
            self = ProxyWatch()
            return false
        }
        let missingSince = missingSince ?? now
        self.missingSince = missingSince
        if hasController, now - missingSince < Self.controllerPatience { return false }
        guard now >= nextLaunchAt else { return false }
        if isStarting, let launchedAt, now - launchedAt < Self.launchPatience { return false }
        launchedAt = now
        nextLaunchAt = now + min(Self.firstLaunchDelay * (1 << min(launches, 10)), Self.longestLaunchDelay)
        launches += 1
        return true
    }
}

/// Keeps the proxy going while no controller does: whatever keepers are left, one of them looks after it.
///
/// # Guarantees
/// - At most one keeper does, and leaves it to a controller that lives and is not too late. Should two start one all the
///   same, the proxy's own lock lets one of them be.
/// - A server that had to take another port is made known to the proxy, under the very routes that the proxy follows.
struct ProxyGuard: Sendable {
    static let lookInterval = Duration.milliseconds(200)
    /// How often the others try to take the place of the one that looks.
    static let standbyInterval = Duration.seconds(2)
    static let lockTries = 10
    /// How often a proxy that runs is asked whether it answers.
    static let askInterval = Duration.seconds(2)

    let state: StateFolder
    let instance: String
    let launcher: any ProcessLauncher
    let proxies: StartedProxies

    /// Until cancelled.
    func run() async {
        let clock = ContinuousClock()
        let begunAt = clock.now
        var lock: FileLock?
        var watch = ProxyWatch()
        var settledPort: Int?
        var hung = HungProxy(state: state)
        var nextAsk = Duration.zero
        while !Task.isCancelled {
            if lock == nil { lock = try? FileLock.acquire(state.proxyGuardLock) }
            if lock != nil {
                let isRunning = look(&watch, at: clock.now - begunAt)
                if isRunning, clock.now - begunAt >= nextAsk {
                    await endIfHung(&hung, at: { clock.now - begunAt })
                    nextAsk = clock.now - begunAt + Self.askInterval
                }
            }
            let port = proxies.ownPort
            if port == nil { settledPort = nil }
            if let port, port != settledPort, await isKnown(port) { settledPort = port }
            let isWaiting = lock != nil || settledPort != port
            try? await Task.sleep(for: isWaiting ? Self.lookInterval : Self.standbyInterval)
        }
    }

    /// - Returns: whether a proxy runs.
    private func look(_ watch: inout ProxyWatch, at now: Duration) -> Bool {
        let isRunning = FileLock.isHeld(state.proxyLock)
        let mayLaunch = watch.look(
            isRunning: isRunning, isStarting: proxies.areRunning(),
            // Routes that cannot be read are the proxy's to complain about.
            hasRoutes: isRunning || access(state.proxyRoutes, F_OK) == 0,
            hasController: isRunning || FileLock.isHeld(state.controllerLock), at: now)
        // A start that fails says so in the proxy's log, and is tried again.
        if mayLaunch { try? proxies.start { try launcher.launch(.proxy) } }
        return isRunning
    }

    /// A controller that lives does it first.
    private func endIfHung(_ hung: inout HungProxy, at now: () -> Duration) async {
        if await ProxyClient(state).isAnswering() {
            hung.noteAnswer()
        } else if FileLock.isHeld(state.proxyLock) {
            let extra = FileLock.isHeld(state.controllerLock) ? ProxyWatch.controllerPatience : .zero
            _ = hung.endIfHung(at: now(), patience: HangWatch.patience + extra)
        }
    }

    /// - Returns: false where the proxy still has another port for the instance. It is corrected where no controller does.
    private func isKnown(_ port: Int) async -> Bool {
        guard lastRoutes?.with(instance: instance, at: port) != nil else { return true }
        guard !FileLock.isHeld(state.controllerLock),
            let lock = try? FileLock.acquire(state.routesLock, tries: Self.lockTries)
        else { return false }
        defer { withExtendedLifetime(lock) {} }
        // Read again: another keeper may have corrected its own port meanwhile.
        guard let routes = lastRoutes, let corrected = routes.with(instance: instance, at: port) else { return true }
        // Only what the proxy follows may be sent back to it: the file may be older than what it was told.
        let client = ProxyClient(state)
        guard let report = try? await client.report(), report.generation == routes.generation else { return false }
        return (try? await client.replaceRoutes(corrected)) != nil
    }

    private var lastRoutes: ProxyRoutes? { try? StateFile.read(ProxyRoutes.self, from: state.proxyRoutes) }
}

extension ProxyRoutes {
    /// The next routes, in which the instance is at `port`; nil where it is there already, or is in none of them.
    func with(instance: String, at port: Int) -> ProxyRoutes? {
        var next = self
        next.generation += 1
        var hasChanged = false
        for route in next.routes.indices {
            for revision in next.routes[route].revisions.indices {
                for upstream in next.routes[route].revisions[revision].upstreams.indices
                where next.routes[route].revisions[revision].upstreams[upstream].instance == instance {
                    let old = next.routes[route].revisions[revision].upstreams[upstream].port
                    hasChanged = hasChanged || old != port
                    next.routes[route].revisions[revision].upstreams[upstream].port = port
                }
            }
        }
        return hasChanged ? next : nil
    }
}
