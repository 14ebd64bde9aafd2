import ControlPorts
import Synchronization

/// An election whose outcome is set by hand.
package final class ScriptedLeadership: Leadership {
    private struct State {
        var isLeading: Bool
        var leader: String?
        var problem: String?
        var api: String?
        var hasEnded = false
    }

    private let state: Mutex<State>
    package let changes: AsyncStream<Bool>
    private let changed: AsyncStream<Bool>.Continuation
    /// Called when the leader gives up its leadership by itself.
    private let onEnd: @Sendable () -> Void

    package init(leads: Bool, leader: String? = nil, onEnd: @escaping @Sendable () -> Void = {}) {
        state = Mutex(State(isLeading: leads, leader: leader))
        (changes, changed) = AsyncStream.makeStream(of: Bool.self)
        self.onEnd = onEnd
        changed.yield(leads)
    }

    package var isLeading: Bool { state.withLock { $0.isLeading } }
    package var leader: String? { state.withLock { $0.leader } }
    package var anotherLeads: Bool { leader != nil }
    package var leaderAPI: String? { state.withLock { $0.api } }
    package var problem: String? { state.withLock { $0.problem } }
    package var hasEnded: Bool { state.withLock { $0.hasEnded } }

    package func set(leads: Bool, leader: String? = nil, problem: String? = nil, api: String? = nil) {
        state.withLock {
            $0.api = api
            $0.isLeading = leads
            $0.leader = leader
            $0.problem = problem
        }
        changed.yield(leads)
    }

    package func run() async {
        let (end, ended) = AsyncStream.makeStream(of: Void.self)
        await withTaskCancellationHandler {
            for await _ in end {}
        } onCancel: {
            ended.finish()
        }
        onEnd()
        state.withLock { $0.hasEnded = true }
        set(leads: false)
        changed.finish()
    }
}
