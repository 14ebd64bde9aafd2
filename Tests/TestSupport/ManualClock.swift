import Synchronization

/// A clock that stands still until the test moves it. Sleepers wake, in the order of their deadlines, when it passes them.
package final class ManualClock: Clock, Sendable {
    package struct Instant: InstantProtocol, CustomStringConvertible {
        /// The time since the clock's start.
        package var offset: Duration

        package init(_ offset: Duration = .zero) { self.offset = offset }

        package func advanced(by duration: Duration) -> Instant { Instant(offset + duration) }
        package func duration(to other: Instant) -> Duration { other.offset - offset }
        package static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
        package var description: String { "start + \(offset)" }
    }

    private struct Sleeper {
        var deadline: Instant
        var continuation: CheckedContinuation<Void, any Error>
    }

    /// A caller that waits until `count` tasks sleep.
    private struct Watcher {
        var count: Int
        var continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var now = Instant()
        var lastId = 0
        var sleepers: [Int: Sleeper] = [:]
        var watchers: [Watcher] = []

        mutating func takeSatisfiedWatchers() -> [Watcher] {
            let satisfied = watchers.filter { $0.count <= sleepers.count }
            watchers.removeAll { $0.count <= sleepers.count }
            return satisfied
        }
    }

    private let state = Mutex(State())

    package init() {}

    package var now: Instant { state.withLock { $0.now } }
    package var minimumResolution: Duration { .zero }

    /// When the sleepers want to wake, earliest first.
    package var deadlines: [Instant] { state.withLock { $0.sleepers.values.map(\.deadline).sorted() } }

    package func advance(by duration: Duration) {
        precondition(duration >= .zero, "this clock does not run backwards")
        let due = state.withLock { state in
            state.now = state.now.advanced(by: duration)
            let due = state.sleepers.filter { $0.value.deadline <= state.now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.sorted { $0.deadline < $1.deadline }
        }
        for sleeper in due { sleeper.continuation.resume() }
    }

    package func sleep(until deadline: Instant, tolerance: Duration? = nil) async throws {
        let id = state.withLock { state in
            state.lastId += 1
            return state.lastId
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                enter(id, Sleeper(deadline: deadline, continuation: continuation))
            }
        } onCancel: {
            state.withLock { $0.sleepers.removeValue(forKey: id) }?.continuation.resume(throwing: CancellationError())
        }
    }

    private func enter(_ id: Int, _ sleeper: Sleeper) {
        enum Outcome {
            case sleeps([Watcher])
            case over, cancelled
        }
        let outcome = state.withLock { state -> Outcome in
            // Inside the lock: a cancellation is either seen here, or finds the sleeper below.
            if Task.isCancelled { return .cancelled }
            if sleeper.deadline <= state.now { return .over }
            state.sleepers[id] = sleeper
            return .sleeps(state.takeSatisfiedWatchers())
        }
        switch outcome {
        case .sleeps(let watchers): for watcher in watchers { watcher.continuation.resume() }
        case .over: sleeper.continuation.resume()
        case .cancelled: sleeper.continuation.resume(throwing: CancellationError())
        }
    }

    /// Returns when at least `count` tasks sleep. The test's own time limit bounds it.
    package func waitForSleepers(_ count: Int = 1) async {
        await withCheckedContinuation { continuation in
            let satisfied = state.withLock { state in
                state.watchers.append(Watcher(count: count, continuation: continuation))
                return state.takeSatisfiedWatchers()
            }
            for watcher in satisfied { watcher.continuation.resume() }
        }
    }
}
