import NIOCore
import Serving

/// Attempts to send a request to an instance: normally one, more if that is safe.
extension ClientConnection {
    /// Picks an instance and sends the request to it, at once or when a connection is free.
    func dispatch(now: Int64, besides failed: Instance?, reuses: Bool) {
        if let queue = revision?.queue, !queue.isOpen(now: now) {
            wait(in: queue, now: now)
        } else {
            send(now: now, besides: failed, reuses: reuses)
        }
    }

    /// Every instance has its maximum number of requests, so the request waits.
    private func wait(in queue: AdmissionQueue, now: Int64) {
        guard queue.enter(self, first: exchange.attempts > 0) else {
            noteRefused(by: plane.tally(of: queue.deployment))
            answer(
                LocalReply(
                    503,
                    "every instance has endpoint.maxConcurrency requests, and the queue has endpoint.queue.depth "
                        + "requests. Try again.", retryAfterSeconds: 1))
            return
        }
        self.queue = queue
        setDeadline(now.addingClamped(queue.timeout.nanosecondsClamped))
        updateReading()
    }

    /// An instance has room, or there is nothing to wait for any more.
    func admitted() {
        guard let queue else { return }
        self.queue = nil
        guard phase == .exchanging, let revision else { return }
        let now = plane.now
        if let current = plane.routes[queue.deployment]?.revision(named: revision.name) {
            self.revision = current
        } else {
            answer(LocalReply(503, "revision \(revision.name) was removed. Try again.", retryAfterSeconds: 1))
            return
        }
        // The time in the queue does not count as the instance's latency.
        exchange.startedAt = now
        setDeadline(now.addingClamped(exchange.timeoutNanoseconds))
        send(now: now, besides: nil, reuses: true)
    }

    /// The request has waited in the queue for the longest permitted time.
    func queueTimedOut() {
        guard let queue else { return }
        self.queue = nil
        queue.giveUp(self)
        noteRefused(by: plane.tally(of: queue.deployment))
        answer(
            LocalReply(
                503, "no instance had room for the request within endpoint.queue.timeout. Try again.",
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
            answer(LocalReply(503, "no instance is ready. See 'mlctl status'.", retryAfterSeconds: 1))
            return
        }
        exchange.attempts += 1
        instance = picked
        picked.enter()
        if exchange.call != nil, !picked.answersCalls {
            count(.call(.unimplemented), now: now)
            leaveInstance()
            answer(LocalReply(501, InstanceStreams.noPort(of: picked)))
        } else if reuses, exchange.call == nil, let connection = picked.takeIdle(now: now) {
            attach(connection)
        } else if !picked.enqueue(self, first: !reuses) {
            count(.failed, now: now)
            leaveInstance()
            noteRefused(by: plane.tally(of: picked.key.deployment))
            answer(LocalReply(503, "too many requests wait for instance \(picked.key.id)", retryAfterSeconds: 1))
        }
    }

    /// A connection to the instance is available: sends everything that was read so far.
    @inline(__always)
    func attach(_ connection: UpstreamConnection) {
        upstream = connection
        connection.begin(self)
        connection.write(requestBytes)
        connection.flush()
        if requestBytes.readableBytes > plane.limits.bufferedRequestBytes { exchange.isHeld = false }
        // If the client does not take its previous answer, do not buffer more of the next one than there is room for.
        if context?.channel.isWritable == false { connection.setReading(false) }
        updateReading()
    }

    /// An attempt failed before the first byte of an answer.
    func attemptFailed(_ failure: RetryPolicy.Failure, _ reason: String) {
        guard phase == .exchanging, let revision, let failed = instance else { return }
        let now = plane.now
        // The revision's instances may have changed. Another revision or deployment is never tried.
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
            answer(LocalReply(failure == .timeOut ? 504 : 502, reason + ". Try again, and see 'mlctl logs'."))
            return
        }
        dispatch(now: now, besides: failure == .connect ? failed : nil, reuses: failure == .connect)
    }

    /// No instance accepted the request.
    func noteRefused(by tally: RouteTally) {
        if exchange.origin != .preview { tally.refusedConnections += 1 }
    }

    /// Abandons the request at the instance without counting it.
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

    /// The client gave up. Counts how long it waited for the next byte if the instance had to send it, but not if the client
    /// still had to send, or had to read what was available.
    func countAbandoned() {
        guard phase == .exchanging, let instance, !exchange.isCounted, exchange.origin == .user else { return }
        guard exchange.isInstancesTurn(readsAnswer: upstream?.isReading == true, readsRequest: isReading) else {
            return
        }
        // A client ends a call when its deadline passes, which it knows a moment before the proxy does.
        if let call = exchange.call, call.isAbout(toEnd: plane.now) {
            count(.call(.deadlineExceeded), now: plane.now)
            return
        }
        exchange.isCounted = true
        settle(\.givenUp)
        let now = plane.now
        let since = exchange.answerHasBegun ? movedAt : exchange.startedAt
        let bucket = instance.countAbandoned(
            afterNanoseconds: now - since, at: now, isEvidence: exchange.isEvidence)
        if exchange.slices != nil { countAbandonedInSlices(at: instance, afterNanoseconds: now - since, now: now) }
        if let user = exchange.user {
            revision?.users?.note(user, isError: false, isRejected: false, bucket: bucket, at: now)
        }
    }

    /// Records the fate of the request in the split counters of its revision, once.
    @inline(__always)
    func settle(_ fate: WritableKeyPath<SplitCounters, Int>) {
        guard exchange.isDrawn else { return }
        exchange.isDrawn = false
        revision?.unserved.split[keyPath: fate] += 1
    }

    /// Records the request in its instance's counters, once.
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
