/// Who leads, by a Lease. Pure: its shell (`LeaseElector`) carries out one action at a time and reports the outcome.
///
/// The scheme is client-go's `leaderelection`.
///
/// # Guarantees
/// - A candidate takes over only when it has watched the lease stand still, by its own clock, for the whole of its own
///   `timing.lease`. What the lease says about times means nothing, however wrong or edited: neither `renewTime` nor
///   `leaseDurationSeconds`. How fast other clocks run does matter, by a third at most.
/// - A leader believes in its leadership for `renewDeadline` after it *sent* its last successful renewal, which is shorter.
///
/// # Caveats
/// - All candidates of one lease have the same timing, as controllers of one version do. Of two timings the shorter one
///   takes over from the longer one too early; the compare-and-swap of the records still keeps the two apart.
/// - It is no fence: a leader that is stopped for long and goes on still believes for a moment. Writes are fenced by
///   compare-and-swap.
struct LeaseElection: Sendable {
    struct Timing: Hashable, Sendable {
        var lease = Duration.seconds(15)
        var renewDeadline = Duration.seconds(10)
        var retry = Duration.seconds(2)

        /// Another leads within 15 s of the end of one that died: 1.8 s until its last renewal is seen, 10 s of standing
        /// still, 1.8 s until that is looked at.
        static let prompt = Timing(lease: .seconds(10), renewDeadline: .seconds(7), retry: .milliseconds(1500))
    }

    enum State: Hashable, Sendable {
        /// Somebody else leads, or nobody. Can transition to: leading.
        case following
        /// Since the renewal that was sent at `renewedAt`. Can transition to: following.
        case leading(renewedAt: Duration)
    }

    enum Action: Hashable, Sendable {
        /// Then report `read`, `absent` or `failed`.
        case read
        /// Then report `wrote`, `lostRace` or `failed`. Made only where there is none.
        case create(Proposal)
        /// Likewise; a compare-and-swap on `version`.
        case update(Proposal, version: String)
        /// Then report `waited`.
        case wait(Duration)
    }

    /// What is to be written, but for the wall-clock times, which the shell adds.
    struct Proposal: Hashable, Sendable {
        var holder: String
        var leaseSeconds: Int
        var transitions: Int
        /// Nil: it is taken over now.
        var acquireTime: String?
    }

    let holder: String
    let timing: Timing
    private(set) var state = State.following
    /// The lease as it was last seen, and since when it has stood so, by our own clock.
    private var observed: (spec: Lease.Spec, version: String, at: Duration)?
    /// What others wrote on the lease: it stays there.
    private(set) var labels: [String: String] = [:]
    private(set) var annotations: [String: String] = [:]
    private var sentAt = Duration.zero

    /// - Parameter holder: of this very process: not its name alone.
    init(holder: String, timing: Timing = Timing()) {
        self.holder = holder
        self.timing = timing
    }

    /// Who leads, as far as was seen.
    var observedHolder: String? {
        observed?.spec.holderIdentity.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Where the API of the one who leads answers; nil where that is not said.
    var observedAPI: String? { observedHolder == nil ? nil : annotations[Lease.apiAnnotation] }

    /// By the clock at `now`, whatever the last event was.
    func isLeading(at now: Duration) -> Bool {
        guard case .leading(let renewedAt) = state else { return false }
        return now - renewedAt < timing.renewDeadline
    }

    /// How long a request may take now.
    func requestLimit(at now: Duration) -> Duration {
        guard case .leading(let renewedAt) = state else { return timing.renewDeadline / 2 }
        return max(min(timing.renewDeadline - (now - renewedAt), timing.renewDeadline / 2), .milliseconds(100))
    }

    mutating func start() -> Action { .read }

    mutating func waited(now: Duration) -> Action {
        stepDownIfLate(now)
        guard case .leading = state, let observed else { return .read }
        // Who leads knows the newest version, unless somebody interferes: one request instead of two.
        return write(over: observed.spec, version: observed.version, now: now)
    }

    /// What others wrote on the lease, which the next write has to repeat.
    mutating func see(_ metadata: ObjectMetadata) { (labels, annotations) = (metadata.labels, metadata.annotations) }

    mutating func read(_ lease: Lease, now: Duration) -> Action {
        stepDownIfLate(now)
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
        stepDownIfLate(now)
        sentAt = now
        return .create(Proposal(holder: holder, leaseSeconds: seconds(timing.lease), transitions: 0))
    }

    mutating func wrote(_ lease: Lease, now: Duration) -> Action {
        observed = (lease.spec, lease.metadata.resourceVersion ?? "", now)
        see(lease.metadata)
        state = .leading(renewedAt: sentAt)
        stepDownIfLate(now)
        return .wait(timing.retry)
    }

    /// Somebody else wrote in between: see who.
    mutating func lostRace(now: Duration) -> Action {
        stepDownIfLate(now)
        // A candidate that lost waits; a leader has to know at once.
        if case .leading = state { return .read }
        return .wait(timing.retry)
    }

    /// A leader looks at the clock again no later than at its deadline.
    mutating func failed(now: Duration) -> Action {
        stepDownIfLate(now)
        guard case .leading(let renewedAt) = state else { return .wait(timing.retry) }
        return .wait(min(timing.retry, renewedAt + timing.renewDeadline - now))
    }

    /// What gives the leadership back, so that nobody has to wait for it to run out; nil where there is none.
    mutating func release(now: Duration) -> (proposal: Proposal, version: String)? {
        guard isLeading(at: now), let observed else { return nil }
        state = .following
        return (
            Proposal(
                holder: "", leaseSeconds: 1, transitions: observed.spec.leaseTransitions ?? 0,
                acquireTime: observed.spec.acquireTime), observed.version
        )
    }

    private mutating func stepDownIfLate(_ now: Duration) {
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

    /// The API keeps 32 bits: an edited count must not make every write of the lease invalid.
    private static func transitions(after count: Int, isOurs: Bool) -> Int {
        min(max(count, 0), Int(Int32.max) - 1) + (isOurs ? 0 : 1)
    }

    private func seconds(_ duration: Duration) -> Int { Int(duration.components.seconds) }
}
