import Dispatch
import GRDB
import Synchronization

/// Opens the journal's file, and retries while that fails for a reason that can pass.
///
/// If another program holds the file, or the disk is full, each later call tries to open it again, but at most once per
/// `retryInterval`. Calls in between get the last error at once.
final class JournalOpener: Sendable {
    static let retryInterval: Duration = .milliseconds(500)

    private enum State {
        /// Can transition to: `open`, when a retry succeeds; `closed`.
        case waiting(JournalError, retryAt: ContinuousClock.Instant)
        /// Can transition to: `closed`.
        case open(DatabaseQueue, recovered: String?)
        /// Final state. Calls throw the error that SQLite reports for a closed file.
        case closed(DatabaseQueue?, recovered: String?)
    }

    private let path: String
    private let onRecovery: @Sendable (String) -> Void
    private let state: Mutex<State>
    /// Opening blocks its thread for as long as the check of the file takes.
    private let queue = DispatchQueue(label: "mlctl.journal.open")

    init(path: String, onRecovery: @escaping @Sendable (String) -> Void) throws {
        self.path = path
        self.onRecovery = onRecovery
        state = Mutex(try Self.attempt(path, onRecovery))
    }

    var recovered: String? {
        state.withLock { state in
            switch state {
            case .waiting: nil
            case .open(_, let recovered), .closed(_, let recovered): recovered
            }
        }
    }

    var problem: JournalError? {
        state.withLock { if case .waiting(let error, _) = $0 { error } else { nil } }
    }

    /// - Throws: `JournalError` while the file is not open.
    func opened() throws -> DatabaseQueue {
        switch state.withLock({ $0 }) {
        case .open(let database, _), .closed(let database?, _): return database
        case .waiting(let error, _): throw error
        case .closed(nil, _): throw JournalError(.refused, "The journal \(path) is closed.", at: path)
        }
    }

    /// Tries to open the file if it is not open and the next attempt is due.
    func enter() async throws -> DatabaseQueue {
        guard case .waiting(_, let retryAt) = state.withLock({ $0 }), ContinuousClock.now >= retryAt else {
            return try opened()
        }
        return try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try self.openAgain() }) }
        }
    }

    private func openAgain() throws -> DatabaseQueue {
        // An earlier caller in the queue may have opened it.
        guard case .waiting(_, let retryAt) = state.withLock({ $0 }), ContinuousClock.now >= retryAt else {
            return try opened()
        }
        let next: State
        do {
            next = try Self.attempt(path, onRecovery)
        } catch let error as JournalError {
            next = .waiting(error, retryAt: .now + Self.retryInterval)
        }
        let leftover = state.withLock { state -> DatabaseQueue? in
            guard case .waiting = state else {
                // `close` was called meanwhile.
                if case .open(let database, _) = next { return database }
                return nil
            }
            state = next
            return nil
        }
        try leftover?.close()
        return try opened()
    }

    private static func attempt(_ path: String, _ onRecovery: (String) -> Void) throws -> State {
        do {
            let (database, recovered) = try JournalFile(path: path).open()
            if let recovered { onRecovery(recovered) }
            return .open(database, recovered: recovered)
        } catch let error as JournalError where error.retryClass == .transient {
            return .waiting(error, retryAt: .now + retryInterval)
        }
    }

    func close() throws {
        let database = state.withLock { state -> DatabaseQueue? in
            switch state {
            case .waiting:
                state = .closed(nil, recovered: nil)
                return nil
            case .open(let database, let recovered):
                state = .closed(database, recovered: recovered)
                return database
            case .closed: return nil
            }
        }
        try database?.close()
    }
}
