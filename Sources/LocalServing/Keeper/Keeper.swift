import CLinuxProcess
import Foundation
import Glibc
import Serving

/// One instance's keeper: `mlctl keeper --state-dir DIR --instance ID`.
///
/// It is to a local instance what containerd-shim is to a container: it starts the server and all that belongs to it,
/// probes it, keeps its output, starts it again, and ends the whole tree. It outlives the controller. Killed itself, it
/// leaves the server running, and the next keeper of the same instance takes that server over.
public struct Keeper: Sendable {
    /// How a keeper knows the processes of its instance.
    enum Belonging: Sendable {
        /// The process does nothing else: all that descends from it is the instance.
        case everyDescendant
        /// Others run in this process too: what carries the instance's mark, and what descends from it.
        case marked
    }

    let state: StateFolder
    let instance: String
    let belonging: Belonging
    /// What starts a proxy where none is left, and no controller to start one; nil: nobody does.
    let proxyLauncher: (any ProcessLauncher)?

    /// - Parameters:
    ///   - stateDirectory: the controller's state folder.
    ///   - instance: an id whose `spec.json` the controller has written.
    public init(stateDirectory: URL, instance: String) {
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

    /// Returns when the instance has ended: 0 if it was asked to (SIGTERM, or the `stop` file), 1 if it cannot be run.
    ///
    /// Takes over SIGTERM, SIGINT and SIGHUP of the process.
    /// - Throws: `LocalServingError.alreadyRunning` where the instance has a keeper, `.stateUnreadable`.
    public func run() async throws -> Int32 {
        guard let proxyLauncher else { return try await loop(nil).get() }
        let proxies = StartedProxies()
        return try await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await ProxyGuard(state: state, instance: instance, launcher: proxyLauncher, proxies: proxies).run()
            }
            defer { group.cancelAll() }
            return await loop(proxies)
        }.get()
    }

    private func loop(_ proxies: StartedProxies?) async -> Result<Int32, any Error> {
        await withCheckedContinuation { continuation in
            // A thread of its own: the loop sleeps in poll(2).
            let thread = Thread { continuation.resume(returning: Result { try runLoop(proxies) }) }
            thread.name = "mlctl-keeper"
            thread.start()
        }
    }

    private func runLoop(_ proxies: StartedProxies?) throws -> Int32 {
        guard SafeName.isSafe(instance) else {
            throw LocalServingError(
                .invalidName, "\(instance.debugDescription) is no instance's id.")
        }
        let folder = state.instance(instance)
        let lock = try takeLock(folder)
        return try withExtendedLifetime(lock) {
            guard let spec = try folder.readSpec() else {
                throw LocalServingError(
                    .stateUnreadable,
                    "\(folder.spec) does not exist: keepers are started by `mlctl run`, which writes it.",
                    retry: .terminal)
            }
            if belonging == .everyDescendant { try SystemError.check(clp_become_subreaper()) }
            let shell = try KeeperShell(
                state: state, folder: folder, spec: spec, belonging: belonging, proxies: proxies)
            return try shell.run()
        }
    }

    /// More than once, for a controller that looks whether the lock is held holds it for an instant.
    private func takeLock(_ folder: InstanceFolder) throws -> FileLock {
        if let lock = try FileLock.acquire(folder.lock, tries: Self.lockTries) { return lock }
        throw LocalServingError(
            .alreadyRunning, "the instance \(instance) has a keeper already. Nothing to do: it looks after it.",
            retry: .terminal)
    }

    private static let lockTries = 10
}
