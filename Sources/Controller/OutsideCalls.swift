import ControlPorts
import Foundation
import ModelManifests
import Synchronization
import Transport

/// How long a pass waits for other components, per step. The sum of the steps that a command waits for is below 5 s.
///
/// If a call takes longer, the pass continues with what it knows, and says so in the status. The call itself continues. A second
/// call of the same kind is not started before it has ended, and its end triggers another pass.
package struct CallLimits: Hashable, Sendable {
    package var announcing: Duration = .seconds(1)
    package var observing: Duration = .milliseconds(1500)
    /// Runs in parallel with observing.
    package var readings: Duration = .milliseconds(1500)
    package var recording: Duration = .seconds(2)
    package var applying: Duration = .milliseconds(1500)
    /// A plan that must be replaced is given up after this time, even if it has not ended.
    package var replacing: Duration = .seconds(5)
    /// A command that no pass has taken within this time is refused with the reason.
    package var command: Duration = .milliseconds(4500)
    /// For downloading or hashing the files of one model.
    package var pinning: Duration = .seconds(900)
    /// Pinning appears in the status if it takes longer than this.
    package var quietPinning: Duration = .seconds(5)
    package var reporting: Duration = .seconds(10)
    package var notifying: Duration = .seconds(60)
    /// `sync` answers within this time, even if changed deployments are still waiting.
    package var syncing: Duration = .seconds(10)
    /// When the controller stops, it waits at most this long for calls under way.
    package var settling: Duration = .seconds(5)

    package init() {}
}

/// A component did not answer in time.
struct CallTimedOut: Error, Hashable, CustomStringConvertible {
    var step: PassStep
    var since: Date
    var now: Date

    var description: String {
        let seconds = max(0, Int(now.timeIntervalSince(since).rounded()))
        return "\(step.callName) has not answered for \(seconds == 0 ? "a moment" : "\(seconds) s")"
    }
}

extension PassStep {
    /// The component that is called.
    var callName: String {
        switch self {
        case .place: "the site"
        case .record: "the state store"
        case .observing: "the backend, asked what serves,"
        case .announcing: "the site's list of deployments"
        case .pinning: "the model store"
        case .readings: "the source of readings"
        case .applying: "the backend, told what to serve,"
        }
    }
}

/// Time-outs of operations under way. One task serves all of them; time-outs that are no longer needed are removed.
final class Timeouts: Sendable {
    /// A time-out may fire up to this much late.
    static let granularity: Duration = .milliseconds(50)

    private struct State {
        var limits: [UInt64: (at: ContinuousClock.Instant, action: @Sendable () -> Void)] = [:]
        var lastNumber: UInt64 = 0
    }

    private let state = Mutex(State())
    private let begun: AsyncStream<Void>
    private let begin: AsyncStream<Void>.Continuation

    init() { (begun, begin) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1)) }

    /// - Returns: its number, for `lift`.
    func set(after limit: Duration, _ action: @escaping @Sendable () -> Void) -> UInt64 {
        let at = ContinuousClock.now + limit
        let (number, isFirst) = state.withLock { state in
            state.lastNumber += 1
            state.limits[state.lastNumber] = (at, action)
            return (state.lastNumber, state.limits.count == 1)
        }
        if isFirst { begin.yield() }
        return number
    }

    func lift(_ number: UInt64) { state.withLock { $0.limits[number] = nil } }

    /// Runs until its task is cancelled.
    func run() async {
        for await _ in begun {
            var isNeeded = true
            while isNeeded, !Task.isCancelled {
                try? await Task.sleep(for: Self.granularity)  // Fails only when cancelled, which ends the loop.
                let now = ContinuousClock.now
                let passed = state.withLock { state in
                    let passed = state.limits.filter { $0.value.at <= now }
                    for number in passed.keys { state.limits[number] = nil }
                    isNeeded = !state.limits.isEmpty
                    return passed.values.map(\.action)
                }
                for action in passed { action() }
            }
        }
    }
}

/// A call under way: at most one per deployment and step.
struct OpenCall {
    struct Key: Hashable {
        var deployment: DeploymentKey
        var step: PassStep
    }

    var number: UInt64
    var since: Date
    /// Ends the wait, not the call.
    var letGo: @Sendable () -> Void
    var cancel: @Sendable () -> Void
    var cancelledAt: Date?
    /// Callers that wait for its end.
    var waiters: [FirstResult<Void>] = []
}

extension Controller {
    /// Makes a call to another component, and waits at most `limit`.
    ///
    /// - Parameter late: called with the result if it came after the limit.
    /// - Throws: `CallTimedOut`, also at once if the previous call of this kind has not ended; errors of the call.
    func call<Value: Sendable>(
        _ step: PassStep, of deployment: DeploymentKey, within limit: Duration,
        late: @escaping @Sendable (isolated Controller, Result<Value, any Error>) -> Void = { _, _ in },
        _ operation: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let key = OpenCall.Key(deployment: deployment, step: step)
        if let open = openCalls[key] { throw CallTimedOut(step: step, since: open.since, now: with.now()) }
        try Task.checkCancellation()
        lastCall += 1
        let (number, since) = (lastCall, with.now())
        let first = FirstResult<Value>()
        // Owned by `openCalls`: cancelled when it is given up, and awaited when the controller stops.
        let task = Task {
            let result: Result<Value, any Error>
            do { result = .success(try await operation()) } catch { result = .failure(error) }
            self.ended(number, key)
            if !first.bring(result) {
                late(self, result)
                self.runner.add(.deployment(deployment))
            }
        }
        let now = with.now
        let timedOut: @Sendable () -> Void = {
            first.bring(.failure(CallTimedOut(step: step, since: since, now: now())))
        }
        openCalls[key] = OpenCall(number: number, since: since, letGo: timedOut, cancel: { task.cancel() })
        let timer = limits.set(after: limit, timedOut)
        defer { limits.lift(timer) }
        return try await withTaskCancellationHandler {
            try await first.value()
        } onCancel: {
            first.bring(.failure(CancellationError()))
            task.cancel()
        }
    }

    private func ended(_ number: UInt64, _ key: OpenCall.Key) {
        guard let open = openCalls[key], open.number == number else { return }
        openCalls[key] = nil
        for waiter in open.waiters { waiter.bring(.success(())) }
        if openCalls.isEmpty {
            settled?.bring(.success(()))
            settled = nil
        }
    }

    /// Ends a call so that another one can replace it. A call that does not end is forgotten after `CallLimits.replacing`.
    ///
    /// - Returns: false if it has not ended yet.
    func giveUp(_ step: PassStep, of deployment: DeploymentKey, within limit: Duration) async -> Bool {
        let key = OpenCall.Key(deployment: deployment, step: step)
        guard let open = openCalls[key] else { return true }
        let now = with.now()
        if let cancelledAt = open.cancelledAt {
            if now.timeIntervalSince(cancelledAt) >= configuration.limits.replacing / .seconds(1) {
                openCalls[key] = nil
                return true
            }
        } else {
            openCalls[key]?.cancelledAt = now
            open.cancel()
        }
        let waiter = FirstResult<Void>()
        openCalls[key]?.waiters.append(waiter)
        let timer = limits.set(after: limit) { waiter.bring(.failure(CancellationError())) }
        defer { limits.lift(timer) }
        do {
            try await withTaskCancellationHandler {
                try await waiter.value()
            } onCancel: {
                waiter.bring(.failure(CancellationError()))
            }
            return true
        } catch {
            return false
        }
    }

    /// Waits until all calls have ended, at most for `CallLimits.settling`.
    func settle() async {
        guard !openCalls.isEmpty else { return }
        for (key, open) in openCalls where key.step != .applying && key.step != .record { open.cancel() }
        let waiter = FirstResult<Void>()
        settled = waiter
        // A separate task: the controller's task may be cancelled, which must not shorten the wait.
        let limit = configuration.limits.settling
        let timer = Task {
            try? await Task.sleep(for: limit)  // Cancelled when it is not needed any more.
            waiter.bring(.success(()))
        }
        defer { timer.cancel() }
        // Set by the end of the last call or by the time-out: it never fails.
        try? await waiter.value()
        for open in openCalls.values { open.cancel() }
    }

    /// Waits at most `limit`, and cancels the operation if it takes longer. For operations outside of `call`.
    func bounded<Value: Sendable>(
        _ limit: Duration, _ operation: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let first = FirstResult<Value>()
        let task = Task {
            do { first.bring(.success(try await operation())) } catch { first.bring(.failure(error)) }
        }
        let timer = limits.set(after: limit) {
            first.bring(.failure(ControlError(.unavailable, "no answer within \(limit.goText)")))
            task.cancel()
        }
        defer { limits.lift(timer) }
        return try await withTaskCancellationHandler {
            try await first.value()
        } onCancel: {
            first.bring(.failure(CancellationError()))
            task.cancel()
        }
    }
}
