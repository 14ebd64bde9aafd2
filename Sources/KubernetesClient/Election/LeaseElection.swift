/// Leader election by a Lease, with the scheme of client-go's `leaderelection`. Pure: its shell (`LeaseElector`) carries out
/// one action at a time and reports the outcome.
///
/// # Guarantees
/// - A candidate takes over only if the lease has not changed, by the candidate's own clock, for the whole of its own
///   `timing.lease`. It ignores the times in the lease (`renewTime`, `leaseDurationSeconds`), however wrong or edited they are.
///   Only the speed of other clocks matters: it may differ by a third at most.
/// - A leader counts itself as leader for `renewDeadline` after it *sent* its last successful renewal. That is shorter than
///   `timing.lease`.
///
/// # Caveats
/// - All candidates of one lease must have the same timing, as controllers of one version do. With two timings, the candidate
///   with the shorter one takes over too early; the compare-and-swap of the records still separates the two leaders.
/// - It does not fence writes: a leader whose process was stopped for long and continues still counts itself as leader for a
///   moment. Compare-and-swap fences the writes.
struct LeaseElection: Sendable {
    struct Timing: Hashable, Sendable {
        var lease = Duration.seconds(15)
        var renewDeadline = Duration.seconds(10)
        var retry = Duration.seconds(2)

        /// Another candidate leads within 15 s after a leader died: 1.8 s until it sees the last renewal, 10 s without a change,
        /// 1.8 s until it looks again.
        static let prompt = Timing(lease: .seconds(10), renewDeadline: .seconds(7), retry: .milliseconds(1500))
    }

    enum State: Hashable, Sendable {
        /// Another candidate leads, or nobody. Can transition to: leading.
        case following
        /// Leads since it sent the renewal at `renewedAt`. Can transition to: following.
        case leading(renewedAt: Duration)
    }

    enum Action: Hashable, Sendable {
        /// Read the lease, then report `read`, `absent` or `failed`.
        case read
        /// Create the lease, which does not exist. Then report `wrote`, `lostCompareAndSwap` or `failed`.
        case create(Proposal)
        /// Update the lease by compare-and-swap on `version`. Then report as for `create`.
        case update(Proposal, version: String)
        /// Wait, then report `waited`.
        case wait(Duration)
    }

    /// What to write into the lease. The shell adds the wall-clock times.
    struct Proposal: Hashable, Sendable {
        var holder: String
        var leaseSeconds: Int
        var transitions: Int
        /// Nil: this candidate takes the lease over now.
        var acquireTime: String?
    }

    let holder: String
    let timing: Timing
    private(set) var state = State.following
    /// The lease as it was last seen, and when it last changed, by our own clock.
    private var observed: (spec: Lease.Spec, version: String, at: Duration)?
    /// Labels and annotations that others wrote on the lease. Each write keeps them.
    private(set) var labels: [String: String] = [:]
    private(set) var annotations: [String: String] = [:]
    private var sentAt = Duration.zero

    /// - Parameter holder: an identity that no other process has: a name alone is not enough.
    init(holder: String, timing: Timing = Timing()) {
        self.holder = holder
        self.timing = timing
    }

    /// The leader, as far as this candidate has seen.
    var observedHolder: String? {
        observed?.spec.holderIdentity.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The address of the leader's API; nil if it is not known.
    var observedAPI: String? { observedHolder == nil ? nil : annotations[Lease.apiAnnotation] }

    /// Whether it leads at `now`, whatever the last event was.
    func isLeading(at now: Duration) -> Bool {
        guard case .leading(let renewedAt) = state else { return false }
        return now - renewedAt < timing.renewDeadline
    }

    /// The time limit of a request that starts now.
    func requestLimit(at now: Duration) -> Duration {
        guard case .leading(let renewedAt) = state else { return timing.renewDeadline / 2 }
        return max(min(timing.renewDeadline - (now - renewedAt), timing.renewDeadline / 2), .milliseconds(100))
    }

    mutating func start() -> Action { .read }

    mutating func waited(now: Duration) -> Action {
        stepDownIfExpired(now)
        guard case .leading = state, let observed else { return .read }
        // A leader knows the newest version unless somebody interferes, so it writes without reading first.
        return write(over: observed.spec, version: observed.version, now: now)
    }

    /// Remembers what others wrote on the lease, because the next write must repeat it.
    mutating func see(_ metadata: ObjectMetadata) { (labels, annotations) = (metadata.labels, metadata.annotations) }

    mutating func read(_ lease: Lease, now: Duration) -> Action {
        stepDownIfExpired(now)
        let version = lease.metadata.resourceVersion ?? ""
        see(lease.metadata)
        if observed?.spec != lease.spec {
            observed = (lease.spec, version, now)
        } else {
            observed?.version = version
        }
        let current = observedHolder
        if current != nil, current != holder {
            state = .following
            let stillSince = now - (observed?.at ?? now)
            guard stillSince >= timing.lease else { return .wait(timing.retry) }
        }
        return write(over: lease.spec, version: version, now: now)
    }

    mutating func absent(now: Duration) -> Action {
        stepDownIfExpired(now)
        sentAt = now
        return .create(Proposal(holder: holder, leaseSeconds: seconds(timing.lease), transitions: 0))
    }

    mutating func wrote(_ lease: Lease, now: Duration) -> Action {
        observed = (lease.spec, lease.metadata.resourceVersion ?? "", now)
        see(lease.metadata)
        state = .leading(renewedAt: sentAt)
        stepDownIfExpired(now)
        return .wait(timing.retry)
    }

    /// Another process wrote first: read who leads now.
    mutating func lostCompareAndSwap(now: Duration) -> Action {
        stepDownIfExpired(now)
        // A candidate waits; a leader must know at once.
        if case .leading = state { return .read }
        return .wait(timing.retry)
    }

    /// A leader checks the clock again at its deadline at the latest.
    mutating func failed(now: Duration) -> Action {
        stepDownIfExpired(now)
        guard case .leading(let renewedAt) = state else { return .wait(timing.retry) }
        return .wait(min(timing.retry, renewedAt + timing.renewDeadline - now))
    }

    /// The write that gives the lease back, so that nobody has to wait until it expires; nil if this candidate does not lead.
    mutating func release(now: Duration) -> (proposal: Proposal, version: String)? {
        guard isLeading(at: now), let observed else { return nil }
        state = .following
        return (
            Proposal(
                holder: "", leaseSeconds: 1, transitions: observed.spec.leaseTransitions ?? 0,
                acquireTime: observed.spec.acquireTime), observed.version
        )
    }

    private mutating func stepDownIfExpired(_ now: Duration) {
        if case .leading = state, !isLeading(at: now) { state = .following }
    }

    private mutating func write(over spec: Lease.Spec, version: String, now: Duration) -> Action {
        sentAt = now
        let isOurs = spec.holderIdentity == holder
        return .update(
            Proposal(
                holder: holder, leaseSeconds: seconds(timing.lease),
                transitions: Self.transitions(after: spec.leaseTransitions ?? 0, isOurs: isOurs),
                acquireTime: isOurs ? spec.acquireTime : nil), version: version)
    }

    /// The API stores 32 bits: without this bound, an edited count would make every write of the lease invalid.
    private static func transitions(after count: Int, isOurs: Bool) -> Int {
        min(max(count, 0), Int(Int32.max) - 1) + (isOurs ? 0 : 1)
    }

    private func seconds(_ duration: Duration) -> Int { Int(duration.components.seconds) }
}
