import NIOCore

/// The attempts at an instance: one as a rule, more where that is safe.
extension ClientConnection {
    /// Picks an instance and sends the request there, at once or when a connection is free.
    func dispatch(now: Int64, besides failed: Instance?, reuses: Bool) {
        guard let revision, let picked = revision.pick(now: now, besides: failed, &plane.random) else {
            answer(OwnAnswer(503, "no instance is ready: see 'mlctl status'", retryAfterSeconds: 1))
            return
        }
        exchange.attempts += 1
        instance = picked
        picked.inFlight += 1
        if reuses, let connection = picked.takeIdle(now: now) {
            attach(connection)
        } else if !picked.enqueue(self, first: !reuses) {
            count(.failed, now: now)
            leaveInstance()
            noteRefused(by: plane.tally(of: picked.key.deployment))
            answer(OwnAnswer(503, "too many requests wait for instance \(picked.key.id)", retryAfterSeconds: 1))
        }
    }

    /// A connection to the instance is there: sends all that was read so far.
    @inline(__always)
    func attach(_ connection: UpstreamConnection) {
        upstream = connection
        connection.begin(self)
        connection.write(requestBytes)
        connection.flush()
        if requestBytes.readableBytes > plane.limits.bufferedRequestBytes { exchange.isHeld = false }
        // A client that does not take its last answer gets no more of the next one than it has room for.
        if context?.channel.isWritable == false { connection.setReading(false) }
        updateReading()
    }

    /// An attempt brought no byte of an answer.
    func attemptFailed(_ failure: RetryPolicy.Failure, _ reason: String) {
        guard phase == .exchanging, let revision, let failed = instance else { return }
        let now = plane.now
        // The revision's instances may have changed since; another revision, or deployment, is never asked.
        if let current = plane.routes[failed.key.deployment]?.revision(named: revision.name), !current.instances.isEmpty
        {
            self.revision = current
        }
        let hasAnother = self.revision?.instances.contains { $0 !== failed } ?? false
        let decision = RetryPolicy.decide(
            failure,
            RetryPolicy.Request(
                mayRepeat: exchange.mayRepeat, isHeld: exchange.isHeld, attempts: exchange.attempts,
                hasAnotherInstance: hasAnother),
            attemptsMax: plane.limits.attemptsPerRequest)
        if decision.isError { count(.failed, now: now) }
        leaveInstance()
        guard decision.retries else {
            if failure == .connect { noteRefused(by: plane.tally(of: failed.key.deployment)) }
            answer(OwnAnswer(failure == .timeOut ? 504 : 502, reason + ": try again, and see 'mlctl logs'"))
            return
        }
        dispatch(now: now, besides: failure == .connect ? failed : nil, reuses: failure == .connect)
    }

    /// No instance accepted the request.
    func noteRefused(by tally: RouteTally) {
        if exchange.origin != .preview { tally.refusedConnections += 1 }
    }

    /// Gives up what is under way at the instance, without counting it.
    func leaveInstance() {
        if let instance {
            self.instance = nil
            instance.inFlight -= 1
            if upstream == nil { instance.cancel(self) }
        }
        if let upstream {
            self.upstream = nil
            upstream.abandon()
        }
    }

    /// Enters the request into its instance's counters, once.
    func count(_ outcome: RequestOutcome, now: Int64) {
        guard let instance, let revision, !exchange.isCounted else { return }
        exchange.isCounted = true
        let latency = exchange.answerHasBegun ? exchange.latencyNanoseconds : now - exchange.startedAt
        switch exchange.origin {
        case .user:
            instance.traffic.record(outcome, nanoseconds: latency)
            if exchange.isEvidence { instance.evidence.record(outcome, nanoseconds: latency) }
        case .synthetic: instance.synthetic.record(outcome, nanoseconds: latency)
        case .preview:
            instance.preview.record(outcome, nanoseconds: latency)
            return
        }
        instance.recent.note(failed: outcome.isError, nanoseconds: latency)
        if let tap { tap.wasCounted(at: instance) }
        if outcome.isError { instance.failedIds.append(requestId.minted(revision: revision.name)) }
    }
}
