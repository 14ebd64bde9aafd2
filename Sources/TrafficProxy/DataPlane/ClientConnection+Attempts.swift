import NIOCore
import Serving

/// The attempts at an instance: one as a rule, more where that is safe.
extension ClientConnection {
    /// Picks an instance and sends the request there, at once or when a connection is free.
    func dispatch(now: Int64, besides failed: Instance?, reuses: Bool) {
        if let queue = revision?.queue, !queue.isOpen(now: now) {
            wait(in: queue, now: now)
        } else {
            send(now: now, besides: failed, reuses: reuses)
        }
    }

    /// Every instance has as many requests as it takes at a time.
    private func wait(in queue: AdmissionQueue, now: Int64) {
        guard queue.enter(self, first: exchange.attempts > 0) else {
            noteRefused(by: plane.tally(of: queue.deployment))
            answer(
                OwnAnswer(
                    503,
                    "every instance has endpoint.maxConcurrency requests, and as many wait as endpoint.queue.depth "
                        + "lets: try again", retryAfterSeconds: 1))
            return
        }
        self.queue = queue
        setDeadline(now.addingClamped(queue.timeout.nanosecondsClamped))
        updateReading()
    }

    /// There is room at an instance, or nothing to wait for any more.
    func admitted() {
        guard let queue else { return }
        self.queue = nil
        guard phase == .exchanging, let revision else { return }
        let now = plane.now
        if let current = plane.routes[queue.deployment]?.revision(named: revision.name) {
            self.revision = current
        } else {
            answer(OwnAnswer(503, "revision \(revision.name) was taken away: try again", retryAfterSeconds: 1))
            return
        }
        // What it waited here is not the instance's doing.
        exchange.startedAt = now
        setDeadline(now.addingClamped(exchange.timeoutNanoseconds))
        send(now: now, besides: nil, reuses: true)
    }

    /// It has waited in the queue for as long as it may.
    func waitedTooLong(in queue: AdmissionQueue) {
        self.queue = nil
        queue.giveUp(self)
        noteRefused(by: plane.tally(of: queue.deployment))
        answer(
            OwnAnswer(
                503, "no instance had room for the request within endpoint.queue.timeout: try again",
                retryAfterSeconds: 1))
    }

    private func send(now: Int64, besides failed: Instance?, reuses: Bool) {
        let picked = revision.flatMap { revision in
            if let queue = revision.queue {
                revision.pickWithRoom(by: queue, now: now, besides: failed, &plane.random)
            } else {
                revision.pick(now: now, besides: failed, &plane.random)
            }
        }
        guard let picked else {
            answer(OwnAnswer(503, "no instance is ready: see 'mlctl status'", retryAfterSeconds: 1))
            return
        }
        exchange.attempts += 1
        instance = picked
        picked.enter()
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
        let route = plane.routes[failed.key.deployment]
        if let current = route?.revision(named: revision.name), !current.instances.isEmpty { self.revision = current }
        let hasAnother = self.revision?.instances.contains { $0 !== failed } ?? false
        let mayRepeat =
            exchange.mayRepeat || route?.spec.idempotent ?? InferencePath.isIdempotent(request: requestBytes)
        let decision = RetryPolicy.decide(
            failure,
            RetryPolicy.Request(
                mayRepeat: mayRepeat, isHeld: exchange.isHeld, attempts: exchange.attempts,
                hasAnotherInstance: hasAnother),
            attemptsMax: plane.limits.attemptsPerRequest)
        if decision.isError { count(.failed, now: now) }
        leaveInstance()
        guard decision.retries else {
            if failure == .connect || !decision.isError { noteRefused(by: plane.tally(of: failed.key.deployment)) }
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
        if let queue {
            self.queue = nil
            queue.leave(self)
        }
        let left = instance
        instance = nil
        if upstream == nil { left?.cancel(self) }
        if let upstream {
            self.upstream = nil
            upstream.abandon()
        }
        left?.leave()
    }

    /// The client gave up. How long it had waited for the next byte is counted, if the instance was to send that: not where
    /// the client had still to send, or to take what was there.
    func countAbandoned() {
        guard phase == .exchanging, let instance, !exchange.isCounted, exchange.origin == .user else { return }
        let isInstancesTurn =
            exchange.answerHasBegun ? upstream?.isReading == true : exchange.requestIsWhole || !isReading
        guard isInstancesTurn else { return }
        exchange.isCounted = true
        settle(\.givenUp)
        let now = plane.now
        let since = exchange.answerHasBegun ? deadline - plane.bodyIdleNanoseconds : exchange.startedAt
        let bucket = instance.countAbandoned(
            afterNanoseconds: now - since, at: now, isEvidence: exchange.isEvidence)
        if exchange.slices != nil { countAbandonedInSlices(at: instance, afterNanoseconds: now - since, now: now) }
        if let user = exchange.user {
            revision?.users?.note(user, isError: false, isRejected: false, bucket: bucket, at: now)
        }
    }

    /// Enters what became of the request into the split of its revision, once.
    @inline(__always)
    func settle(_ fate: WritableKeyPath<SplitCounters, Int>) {
        guard exchange.isDrawn else { return }
        exchange.isDrawn = false
        revision?.unserved.split[keyPath: fate] += 1
    }

    /// Enters the request into its instance's counters, once.
    func count(_ outcome: RequestOutcome, now: Int64) {
        guard let instance, let revision, !exchange.isCounted else { return }
        exchange.isCounted = true
        let latency = exchange.answerHasBegun ? exchange.latencyNanoseconds : now - exchange.startedAt
        switch exchange.origin {
        case .user:
            settle(\.ended)
            let end = max(now, exchange.startedAt &+ latency)
            let bucket = instance.count(
                outcome, nanoseconds: latency, endedAt: end, isEvidence: exchange.isEvidence)
            if exchange.slices != nil { countInSlices(at: instance, outcome, nanoseconds: latency, endedAt: end) }
            if let user = exchange.user {
                revision.users?.note(
                    user, isError: outcome.isError, isRejected: outcome.isRejected, bucket: bucket, at: end)
            }
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
