import HTTP1
import NIOCore

/// A request that the proxy itself sends to an instance: a copy for a shadow, or a recorded one.
///
/// It takes a connection of the instance's pool as any client does, copies the answer's body up to a bound where that is
/// wanted, and says once what came of it. Its answer has the time-out until its first byte, and again between any two
/// parts; all of it has `ProxyLimits.bodyIdleTime` more.
final class OwnRequest: UpstreamCaller {
    /// What came of it.
    enum End {
        /// The copy is nil where none was wanted.
        case answered(status: Int, CopiedAnswer?)
        case failed
        /// Too many requests wait for the instance already: it was not tried.
        case refused
    }

    let instance: Instance
    let isToHead: Bool
    let requestIsWhole = true
    private(set) var latencyNanoseconds: Int64 = 0

    private let plane: DataPlane
    private let head: ByteBuffer
    private let body: ByteBuffer
    /// Of the answer's copy; nil where none is wanted.
    private let copiedBytesMax: Int?
    private let timeoutNanoseconds: Int64
    private var ended: ((OwnRequest, End) -> Void)?
    private var upstream: UpstreamConnection?
    private var status: Int?
    private var answer: CopiedAnswer?
    private var attempts = 0
    private var startedAt: Int64 = 0
    /// When the last byte came.
    private var movedAt: Int64 = 0
    private var deadline: Int64 = 0
    private var timer: Scheduled<Void>?

    /// - Parameters:
    ///   - head: as it goes out, its empty line included; so does the body.
    ///   - ended: called once, on the event loop; within `start` where it is refused.
    init(
        _ head: ByteBuffer, _ body: ByteBuffer, to instance: Instance, isToHead: Bool, copiedBytesMax: Int?,
        timeoutNanoseconds: Int64, plane: DataPlane, ended: @escaping (OwnRequest, End) -> Void
    ) {
        self.head = head
        self.body = body
        self.instance = instance
        self.isToHead = isToHead
        self.copiedBytesMax = copiedBytesMax
        self.timeoutNanoseconds = timeoutNanoseconds
        self.plane = plane
        self.ended = ended
    }

    func start() {
        startedAt = plane.now
        deadline = startedAt &+ timeoutNanoseconds
        watch(after: timeoutNanoseconds)
        dispatch(reuses: true)
    }

    private func dispatch(reuses: Bool) {
        guard !instance.isFull else {
            end(.refused)
            return
        }
        attempts += 1
        instance.enter()
        if reuses, let connection = instance.takeIdle(now: plane.now) {
            attach(connection)
        } else if !instance.enqueue(self) {
            leave()
            end(.refused)
        }
    }

    func attach(_ connection: UpstreamConnection) {
        upstream = connection
        connection.begin(self)
        connection.write(head)
        if body.readableBytes > 0 { connection.write(body) }
        connection.flush()
    }

    /// Retried alone where a connection that had rested was closed: the instance never saw it.
    func attemptFailed(_ failure: RetryPolicy.Failure, _ reason: String) {
        guard ended != nil else { return }
        leave()
        let decision = RetryPolicy.decide(
            failure, RetryPolicy.Request(mayRepeat: true, isHeld: true, attempts: attempts, hasAnotherInstance: false),
            attemptsMax: plane.limits.attemptsPerRequest)
        if decision.retries {
            dispatch(reuses: false)
        } else {
            latencyNanoseconds = plane.now - startedAt
            end(.failed)
        }
    }

    // MARK: The answer

    func beginAnswer(_ head: ResponseHead, _ bytes: inout ByteBuffer) {
        let now = plane.now
        latencyNanoseconds = now - startedAt
        movedAt = now
        deadline = now &+ timeoutNanoseconds
        instance.ejection.succeeded()
        status = head.status
        if let copiedBytesMax {
            answer = CopiedAnswer(head, bytes, bytesMax: copiedBytesMax, budget: plane.copyBudget)
        }
        bytes.moveReaderIndex(forwardBy: head.length)
        if answer?.body.isTooLarge == true { breakOff() }
    }

    func forwardAnswer(_ bytes: inout ByteBuffer, _ body: inout BodyFraming) -> BodyFraming.Progress {
        movedAt = plane.now
        deadline = min(movedAt, startedAt &+ plane.bodyIdleNanoseconds) &+ timeoutNanoseconds
        let progress = bytes.withUnsafeReadableBytes { body.consume($0) }
        switch progress {
        case .more: take(&bytes, bytes.readableBytes)
        case .done(let count): take(&bytes, count)
        case .invalid: break
        }
        // Nobody waits for it: once its instance's requests are cut off it has no stream's time of its own.
        if case .more = progress, answer?.body.isGivenUp == true || movedAt > instance.drainDeadline { breakOff() }
        return progress
    }

    private func take(_ bytes: inout ByteBuffer, _ count: Int) {
        if let answer { answer.body.append(&bytes, count) } else { bytes.moveReaderIndex(forwardBy: count) }
    }

    func answerIsWhole(release connection: UpstreamConnection?) {
        upstream = nil
        if let connection { instance.release(connection, now: plane.now) }
        instance.leave()
        endAnswered()
    }

    func answerWasCutOff() {
        leave()
        end(.failed)
    }

    func forwardContinue() {}
    func flushAnswer() {}
    func updateReading() {}

    // MARK: Ending

    /// What is known already decides: the rest of a body over the bound is not worth reading.
    private func breakOff() {
        leave()
        endAnswered()
    }

    private func endAnswered() { end(status.map { .answered(status: $0, answer) } ?? .failed) }

    private func leave() {
        if let upstream {
            self.upstream = nil
            upstream.abandon()
        } else {
            instance.cancel(self)
        }
        instance.leave()
    }

    private func end(_ end: End) {
        timer?.cancel()
        timer = nil
        guard let ended else { return }
        self.ended = nil
        ended(self, end)
    }

    private func watch(after nanoseconds: Int64) {
        let bound = NIOLoopBound(self, eventLoop: plane.loop)
        timer = plane.loop.scheduleTask(in: .nanoseconds(nanoseconds)) { bound.value.timePassed() }
    }

    private func timePassed() {
        guard ended != nil else { return }
        let remaining = deadline - plane.now
        if remaining > 0 { return watch(after: remaining) }
        leave()
        if status == nil {
            latencyNanoseconds = plane.now - startedAt
            end(.failed)
        } else if plane.now - movedAt < timeoutNanoseconds {
            // It streams for longer than is waited for, which is no failure.
            answer?.body.giveUp(.incomplete)
            endAnswered()
        } else {
            end(.failed)
        }
    }
}
