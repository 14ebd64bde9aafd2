import CLinuxProcess
import Foundation
import Glibc
import Serving

/// The keeper of one instance: `mlctl keeper --state-dir DIR --instance ID`.
///
/// Like containerd-shim for a container, it starts the server and its child processes, probes it, stores its output, restarts it,
/// and ends the whole process tree. It outlives the controller. If the keeper itself is killed, the server keeps running, and the
/// next keeper of the same instance adopts it.
package struct Keeper: Sendable {
    /// How a keeper recognizes the processes of its instance.
    enum Belonging: Sendable {
        /// This process runs only the keeper, so every descendant belongs to the instance.
        case everyDescendant
        /// This process also runs other things (tests). Only marked processes and their descendants belong to the instance.
        case marked
    }

    let state: StateFolder
    let instance: String
    let belonging: Belonging
    /// Starts a proxy if none runs and no controller can start one. Nil disables this.
    let proxyLauncher: (any ProcessLauncher)?

    /// - Parameters:
    ///   - stateDirectory: the controller's state folder.
    ///   - instance: the ID of an instance whose `spec.json` the controller has written.
    package init(stateDirectory: URL, instance: String) {
        self.init(
            state: StateFolder(stateDirectory), instance: instance, belonging: .everyDescendant,
            proxyLauncher: ExecutableLauncher(stateDirectory: stateDirectory))
    }

    init(
        state: StateFolder, instance: String, belonging: Belonging, proxyLauncher: (any ProcessLauncher)? = nil
    ) {
        self.proxyLauncher = proxyLauncher
        self.state = state
        self.instance = instance
        self.belonging = belonging
    }

    /// Returns when the instance has ended: 0 if that was requested (SIGTERM, or the `stop` file), 1 if it cannot run.
    ///
    /// Handles SIGTERM, SIGINT and SIGHUP of the process.
    /// - Throws: `LocalServingError.alreadyRunning` if the instance has a keeper, `.stateUnreadable`.
    package func run() async throws -> Int32 {
        guard let proxyLauncher else { return try await loop(nil).get() }
        let proxies = LaunchedProxies()
        return try await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await ProxySupervisor(state: state, instance: instance, launcher: proxyLauncher, proxies: proxies).run()
            }
            defer { group.cancelAll() }
            return await loop(proxies)
        }.get()
    }

    private func loop(_ proxies: LaunchedProxies?) async -> Result<Int32, any Error> {
        await withCheckedContinuation { continuation in
            // Runs on its own thread, because the loop blocks in poll(2).
            let thread = Thread { continuation.resume(returning: Result { try runLoop(proxies) }) }
            thread.name = "mlctl-keeper"
            thread.start()
        }
    }

    private func runLoop(_ proxies: LaunchedProxies?) throws -> Int32 {
        guard SafeName.isSafe(instance) else {
            throw LocalServingError(
                .invalidName, "\(instance.debugDescription) is not a valid instance ID.")
        }
        let folder = state.instance(instance)
        let lock = try takeLock(folder)
        return try withExtendedLifetime(lock) {
            guard let spec = try folder.readSpec() else {
                throw LocalServingError(
                    .stateUnreadable,
                    "\(folder.spec) does not exist: `mlctl run` writes it and then starts the keeper.",
                    retry: .terminal)
            }
            if belonging == .everyDescendant { try SystemError.check(clp_become_subreaper()) }
            let shell = try KeeperShell(
                state: state, folder: folder, spec: spec, belonging: belonging, proxies: proxies)
            return try shell.run()
        }
    }

    /// Several attempts, because a controller that checks the lock holds it for a moment.
    private func takeLock(_ folder: InstanceFolder) throws -> FileLock {
        if let lock = try FileLock.acquire(folder.lock, tries: Self.lockTries) { return lock }
        throw LocalServingError(
            .alreadyRunning, "the instance \(instance) already has a keeper. There is nothing to do.",
            retry: .terminal)
    }

    private static let lockTries = 10
}
