import HTTP1
import NIOCore

/// A request that the proxy itself sends to an instance: a copy for a shadow, or a recorded request.
///
/// It uses a connection of the instance's pool like a client's request, copies the answer's body up to a limit if requested, and
/// reports its result once. The time-out applies until the first byte of the answer, and again between any two parts. The whole
/// answer may take `ProxyLimits.bodyIdleTime` longer.
final class InternalRequest: UpstreamCaller {
    /// The result of the request.
    enum End {
        /// The copy is nil if none was requested.
        case answered(status: Int, CopiedAnswer?)
        case failed
        /// The instance already has too many waiting requests, so it was not tried.
        case refused
    }

    let instance: Instance
    let isToHead: Bool
    let requestIsWhole = true
    let isCall = false
    private(set) var latencyNanoseconds: Int64 = 0

    private let plane: DataPlane
    private let head: ByteBuffer
    private let body: ByteBuffer
    /// The size limit of the answer's copy. Nil if no copy is requested.
    private let copiedBytesMax: Int?
    private let timeoutNanoseconds: Int64
    private var ended: ((InternalRequest, End) -> Void)?
    private var upstream: UpstreamConnection?
    private var status: Int?
    private var answer: CopiedAnswer?
    private var attempts = 0
    private var startedAt: Int64 = 0
    /// When the last byte arrived.
    private var movedAt: Int64 = 0
    private var deadline: Int64 = 0
    private var timer: Scheduled<Void>?

    /// - Parameters:
    ///   - head: as it is sent, including its empty line. The body too is sent unchanged.
    ///   - ended: called once, on the event loop. If the request is refused, this happens within `start`.
    init(
        _ head: ByteBuffer, _ body: ByteBuffer, to instance: Instance, isToHead: Bool, copiedBytesMax: Int?,
        timeoutNanoseconds: Int64, plane: DataPlane, ended: @escaping (InternalRequest, End) -> Void
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

    /// Retried only if an idle connection was closed, because the instance then never saw the request.
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
        // No client waits for this answer, so it does not get the longer drain time of streams.
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

    /// Ends the request early: the result is known, and the rest of a body over the limit need not be read.
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
            // It streams for longer than the proxy waits, which is not a failure.
            answer?.body.giveUp(.incomplete)
            endAnswered()
        } else {
            end(.failed)
        }
    }
}
