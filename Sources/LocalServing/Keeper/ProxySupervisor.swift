import Foundation
import Glibc
import ModelManifests
import Serving
import Synchronization

/// State that the keeper's loop and its proxy guard share.
final class LaunchedProxies: Sendable {
    private struct State {
        var started: [ChildProcess] = []
        /// The instance's new port after it moved. Nil if the proxy need not be updated.
        var ownPorts: InstancePorts?
    }

    private let state = Mutex(State())

    /// Starts a proxy under the lock, so that it never counts as part of the instance, not even in its first moment.
    func start(_ launch: () throws -> any LaunchedProcess) rethrows {
        try state.withLock { state in
            guard let process = try launch() as? ChildProcess else { return }
            state.started.append(process)
        }
    }

    /// The machine's processes, and the proxies that were started here.
    func look() -> (table: ProcessTable, started: Set<Int32>) {
        state.withLock { (ProcessTable.now(), Set($0.started.map(\.pid))) }
    }

    /// Reaps proxies started here that have ended.
    /// - Returns: whether one still runs.
    func areRunning() -> Bool {
        state.withLock { state in
            state.started.removeAll { !$0.isRunning }
            return !state.started.isEmpty
        }
    }

    func noteOwnPorts(_ ports: InstancePorts?) { state.withLock { $0.ownPorts = ports } }

    var ownPorts: InstancePorts? { state.withLock(\.ownPorts) }
}

/// Decides when a keeper starts a proxy.
struct ProxyRestartPolicy: Hashable, Sendable {
    /// A running controller restarts the proxy itself, and at once. So a keeper waits this long first.
    static let controllerPatience = Duration.seconds(5)
    static let firstLaunchDelay = Duration.milliseconds(500)
    static let longestLaunchDelay = Duration.seconds(2)
    /// A proxy that was started and still runs gets this long to come up. A second one would only take its resources.
    static let launchPatience = Duration.seconds(10)

    private var missingSince: Duration?
    private var launches = 0
    private var launchedAt: Duration?
    private var nextLaunchAt = Duration.zero

    /// - Parameters:
    ///   - isStarting: the last started proxy runs but does not serve yet.
    ///   - hasRoutes: without routes there is nothing to serve.
    /// - Returns: whether to start a proxy now.
    mutating func look(
        isRunning: Bool, isStarting: Bool = false, hasRoutes: Bool, hasController: Bool, at now: Duration
    ) -> Bool {
        guard !isRunning, hasRoutes else {
            self = ProxyRestartPolicy()
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

/// Keeps a proxy running while no controller does. Of all keepers, one does this.
///
/// # Guarantees
/// - At most one keeper does this, and it leaves the work to a controller that runs and is not too late. If two start a proxy all
///   the same, the proxy's own lock stops one of them.
/// - If a server had to move to another port, the proxy is updated, based on exactly the routes that it follows.
struct ProxySupervisor: Sendable {
    static let lookInterval = Duration.milliseconds(200)
    /// How often the other keepers try to take over this role.
    static let standbyInterval = Duration.seconds(2)
    static let lockTries = 10
    /// How often a running proxy is asked whether it answers.
    static let askInterval = Duration.seconds(2)

    let state: StateFolder
    let instance: String
    let launcher: any ProcessLauncher
    let proxies: LaunchedProxies

    /// Runs until the task is cancelled.
    func run() async {
        let clock = ContinuousClock()
        let begunAt = clock.now
        var lock: FileLock?
        var watch = ProxyRestartPolicy()
        var settledPorts: InstancePorts?
        var hung = HungProxyTerminator(state: state)
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
            let ports = proxies.ownPorts
            if ports == nil { settledPorts = nil }
            if let ports, ports != settledPorts, await areKnown(ports) { settledPorts = ports }
            let isWaiting = lock != nil || settledPorts != ports
            try? await Task.sleep(for: isWaiting ? Self.lookInterval : Self.standbyInterval)
        }
    }

    /// - Returns: whether a proxy runs.
    private func look(_ watch: inout ProxyRestartPolicy, at now: Duration) -> Bool {
        let isRunning = FileLock.isHeld(state.proxyLock)
        let mayLaunch = watch.look(
            isRunning: isRunning, isStarting: proxies.areRunning(),
            // Unreadable routes are reported by the proxy.
            hasRoutes: isRunning || access(state.proxyRoutes, F_OK) == 0,
            hasController: isRunning || FileLock.isHeld(state.controllerLock), at: now)
        // A failed start is reported in the proxy's log and retried.
        if mayLaunch { try? proxies.start { try launcher.launch(.proxy) } }
        return isRunning
    }

    /// Waits longer if a controller runs, because the controller does this first.
    private func endIfHung(_ hung: inout HungProxyTerminator, at now: () -> Duration) async {
        if await ProxyClient(state).isAnswering() {
            hung.noteAnswer()
        } else if FileLock.isHeld(state.proxyLock) {
            let extra = FileLock.isHeld(state.controllerLock) ? ProxyRestartPolicy.controllerPatience : .zero
            _ = hung.endIfHung(at: now(), patience: HangDetector.patience + extra)
        }
    }

    /// - Returns: false if the proxy still has another port for the instance. Corrects the port if no controller runs.
    private func areKnown(_ ports: InstancePorts) async -> Bool {
        guard lastRoutes?.with(instance: instance, at: ports) != nil else { return true }
        guard !FileLock.isHeld(state.controllerLock),
            let lock = try? FileLock.acquire(state.routesLock, tries: Self.lockTries)
        else { return false }
        defer { withExtendedLifetime(lock) {} }
        // Read again, because another keeper may have corrected its own port meanwhile.
        guard let routes = lastRoutes, let corrected = routes.with(instance: instance, at: ports) else { return true }
        // Only the routes that the proxy follows may be sent back: the file may be older than those.
        let client = ProxyClient(state)
        guard let report = try? await client.report(), report.generation == routes.generation else { return false }
        return (try? await client.replaceRoutes(corrected)) != nil
    }

    private var lastRoutes: ProxyRoutes? { try? StateFile.read(ProxyRoutes.self, from: state.proxyRoutes) }
}

/// Where a model server listens, for the proxy.
struct InstancePorts: Hashable, Sendable {
    var main: Int
    /// Nil if it has no port for gRPC.
    var rpc: Int?
}

extension ProxyRoutes {
    /// The next routes, with the instance at these ports. Nil if it is there already, or if no route contains it.
    func with(instance: String, at ports: InstancePorts) -> ProxyRoutes? {
        var next = self
        next.generation += 1
        var hasChanged = false
        for route in next.routes.indices {
            for revision in next.routes[route].revisions.indices {
                for upstream in next.routes[route].revisions[revision].upstreams.indices
                where next.routes[route].revisions[revision].upstreams[upstream].instance == instance {
                    let old = next.routes[route].revisions[revision].upstreams[upstream]
                    hasChanged = hasChanged || old.port != ports.main || old.rpcPort != ports.rpc
                    next.routes[route].revisions[revision].upstreams[upstream].port = ports.main
                    next.routes[route].revisions[revision].upstreams[upstream].rpcPort = ports.rpc
                }
            }
        }
        return hasChanged ? next : nil
    }
}
