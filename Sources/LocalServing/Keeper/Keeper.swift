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

    /// - Parameters:
    ///   - stateDirectory: the controller's state folder.
    ///   - instance: an id whose `spec.json` the controller has written.
    public init(stateDirectory: URL, instance: String) {
        self.init(state: StateFolder(stateDirectory), instance: instance, belonging: .everyDescendant)
    }

    init(state: StateFolder, instance: String, belonging: Belonging) {
        self.state = state
        self.instance = instance
        self.belonging = belonging
    }

    /// Returns when the instance has ended: 0 if it was asked to (SIGTERM, or the `stop` file), 1 if it cannot be run.
    ///
    /// Takes over SIGTERM, SIGINT and SIGHUP of the process.
    /// - Throws: `LocalServingError.alreadyRunning` where the instance has a keeper, `.stateUnreadable`.
    public func run() async throws -> Int32 {
        try await withCheckedThrowingContinuation { continuation in
            // A thread of its own: the loop sleeps in poll(2).
            let thread = Thread { continuation.resume(with: Result { try runLoop() }) }
            thread.name = "mlctl-keeper"
            thread.start()
        }
    }

    private func runLoop() throws -> Int32 {
        guard SafeName.isSafe(instance) else {
            throw LocalServingError(
                .invalidName, "\(instance.debugDescription) is no instance's id.", retry: .terminal)
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
            let shell = try KeeperShell(state: state, folder: folder, spec: spec, belonging: belonging)
            return try shell.run()
        }
    }

    /// Twice or more, for a controller that looks whether the lock is held holds it for an instant.
    private func takeLock(_ folder: InstanceFolder) throws -> FileLock {
        for _ in 0..<Self.lockAttempts {
            if let lock = try FileLock.acquire(folder.lock) { return lock }
            usleep(Self.lockRetryMicroseconds)
        }
        throw LocalServingError(
            .alreadyRunning, "the instance \(instance) has a keeper already. Nothing to do: it looks after it.",
            retry: .terminal)
    }

    private static let lockAttempts = 10
    private static let lockRetryMicroseconds: UInt32 = 20_000
}
