import Foundation
import Logging
import Synchronization
import Transport

/// Takes part in a leader election while `run` runs.
///
/// # Guarantees
/// - `isLeading` turns false by the clock alone if the lease could not be renewed in time, even while a request hangs.
/// - Two processes with the same name have different identities: each adds a random part.
/// - `run` gives the lease back when its task is cancelled. End the leader's work before that.
/// - It takes part from the moment at which `advertise` told its API's address: whoever reads a lease of this process can reach the
///   leader, from the first write on.
package final class LeaseElector: Sendable {
    /// For giving the lease back when ending.
    static let releaseTimeout = Duration.seconds(2)
    static let maximumNameCharacters = 128

    package let key: NamespacedName
    /// This candidate's identity in the lease.
    package let holder: String

    private struct State {
        var machine: LeaseElection
        /// The address of this process's API; nil if it is not known yet.
        var api: String?
        /// What listeners were told last.
        var told = false
        var listeners: [UUID: AsyncStream<Bool>.Continuation] = [:]
        /// The last failure, so that one that lasts is logged once and not at each retry.
        var trouble: String?
    }

    private let api: KubernetesAPI
    private let logger: Logger
    private let state: Mutex<State>
    /// Yields when the address of this process's API is known.
    private let advertised = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    /// - Parameters:
    /// - key: of the Lease.
    /// - identity: the name of the pod or machine.
    package convenience init(
        _ api: KubernetesAPI, lease key: NamespacedName, identity: String,
        logger: Logger = Logger(label: "mlctl.kubernetes.election")
    ) {
        self.init(api, lease: key, identity: identity, timing: .prompt, logger: logger)
    }

    init(
        _ api: KubernetesAPI, lease key: NamespacedName, identity: String, timing: LeaseElection.Timing,
        logger: Logger = Logger(label: "mlctl.kubernetes.election")
    ) {
        self.api = api
        self.key = key
        self.logger = logger
        holder = "\(identity.prefix(Self.maximumNameCharacters))_\(UUID().uuidString.lowercased())"
        state = Mutex(State(machine: LeaseElection(holder: holder, timing: timing)))
    }

    package var isLeading: Bool {
        let now = api.stopwatch.elapsed()
        return state.withLock { $0.machine.isLeading(at: now) }
    }

    /// The identity that holds the lease, as far as this candidate has seen; nil: nobody.
    package var observedHolder: String? { state.withLock { $0.machine.observedHolder } }

    /// The address of the leader's API, as the leader writes it; nil if it is not known.
    package var observedAPI: String? { state.withLock { $0.machine.observedAPI } }

    /// Sets the address of this process's API. `run` takes part in the election from then on, and each write puts the address into
    /// the lease.
    package func advertise(_ api: String) {
        state.withLock { $0.api = api }
        advertised.continuation.yield()
    }

    /// Why the last attempt to read or write the lease failed; nil if it succeeded.
    package var failure: String? { state.withLock { $0.trouble } }

    /// Whether this process leads: the current state, then each change. A slow reader gets the latest state only.
    package func changes() -> AsyncStream<Bool> {
        let (stream, continuation) = AsyncStream<Bool>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let id = UUID()
        state.withLock { state in
            state.listeners[id] = continuation
            continuation.yield(state.told)
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.listeners.removeValue(forKey: id) }
        }
        return stream
    }

    package func run() async {
        for await _ in advertised.stream { break }
        guard !Task.isCancelled else { return }
        var action = state.withLock { $0.machine.start() }
        while !Task.isCancelled {
            action = await carryOut(action)
            tell()
        }
        // In a task of its own: requests of a cancelled task fail at once. Its own time-out bounds it.
        await Task { await release() }.value
        tell()
    }

    private func carryOut(_ action: LeaseElection.Action) async -> LeaseElection.Action {
        do {
            switch action {
            case .wait(let duration):
                try await api.stopwatch.sleep(duration)
                return report { $0.waited(now: $1) }
            case .read:
                let lease = try await bounded().get(Lease.self, key)
                state.withLock { $0.trouble = nil }
                return report { machine, now in
                    lease.map { machine.read($0, now: now) } ?? machine.absent(now: now)
                }
            case .create(let proposal):
                let body = try body(proposal, version: nil)
                return wrote(
                    try await bounded().answer(
                        to: .create(
                            .leases, namespace: key.namespace, body: body, fieldManager: KubernetesAPI.fieldManager)))
            case .update(let proposal, let version):
                let body = try body(proposal, version: version)
                return wrote(
                    try await bounded().answer(
                        to: .replace(.leases, key, body: body, fieldManager: KubernetesAPI.fieldManager)))
            }
        } catch let error as APIError where error.isConflict {
            return report { $0.lostCompareAndSwap(now: $1) }
        } catch {
            if !Task.isCancelled { warn("\(error)") }
            return report { $0.failed(now: $1) }
        }
    }

    private func report(
        _ event: (inout LeaseElection, Duration) -> LeaseElection.Action
    ) -> LeaseElection.Action {
        let now = api.stopwatch.elapsed()
        return state.withLock { event(&$0.machine, now) }
    }

    private func wrote(_ answer: Data) -> LeaseElection.Action {
        guard let lease = try? JSONDecoder().decode(Lease.self, from: answer) else {
            return report { $0.failed(now: $1) }
        }
        state.withLock { $0.trouble = nil }
        return report { $0.wrote(lease, now: $1) }
    }

    private func warn(_ reason: String) {
        let isNew = state.withLock { state in
            defer { state.trouble = reason }
            return state.trouble != reason
        }
        guard isNew else { return }
        logger.warning("the lease could not be read or written", metadata: ["lease": "\(key)", "reason": "\(reason)"])
    }

    private func bounded() -> KubernetesAPI {
        let now = api.stopwatch.elapsed()
        return api.once(within: state.withLock { $0.machine.requestLimit(at: now) })
    }

    private func body(_ proposal: LeaseElection.Proposal, version: String?) throws -> Data {
        let now = RFC3339.microText(Date())
        let spec = Lease.Spec(
            holderIdentity: proposal.holder, leaseDurationSeconds: proposal.leaseSeconds,
            acquireTime: proposal.acquireTime ?? now, renewTime: now, leaseTransitions: proposal.transitions)
        // The annotation always holds the holder's address. Another holder's address is removed.
        let (labels, annotations) = state.withLock { state in
            var annotations = state.machine.annotations
            annotations[Lease.apiAnnotation] = proposal.holder.isEmpty ? nil : state.api
            return (state.machine.labels, annotations)
        }
        return try Lease.body(key, spec: spec, resourceVersion: version, labels: labels, annotations: annotations)
    }

    private func release() async {
        let now = api.stopwatch.elapsed()
        guard let release = state.withLock({ $0.machine.release(now: now) }) else { return }
        do {
            do {
                try await give(back: release.proposal, version: release.version)
            } catch let error as APIError where error.isConflict {
                // A renewal that was under way when the task ended may have reached the server.
                guard let lease = try await ending.get(Lease.self, key), lease.spec.holderIdentity == holder else {
                    return
                }
                state.withLock { $0.machine.see(lease.metadata) }
                try await give(back: release.proposal, version: lease.metadata.resourceVersion ?? "")
            }
        } catch {
            logger.warning(
                "the lease was not given back; it expires by itself",
                metadata: ["lease": "\(key)", "reason": "\(error)"])
        }
    }

    private var ending: KubernetesAPI { api.once(within: Self.releaseTimeout) }

    private func give(back proposal: LeaseElection.Proposal, version: String) async throws {
        _ = try await ending.answer(
            to: .replace(
                .leases, key, body: try body(proposal, version: version), fieldManager: KubernetesAPI.fieldManager))
    }

    private func tell() {
        let leads = isLeading
        let listeners = state.withLock { state -> [AsyncStream<Bool>.Continuation] in
            guard state.told != leads else { return [] }
            state.told = leads
            return Array(state.listeners.values)
        }
        for listener in listeners { listener.yield(leads) }
    }
}
