import NIOCore

/// One recorded request at an instance, on a connection of the instance's pool. Its answer is counted and thrown away.
///
/// It has the route's time-out until the answer's first byte, and again between any two parts of it.
final class SyntheticRequest: UpstreamCaller {
    let isToHead = false
    let requestIsWhole = true
    private(set) var deadline: Int64 = 0
    private(set) var isOver = false

    private let plane: DataPlane
    private let instance: Instance
    private let revisionName: String
    private let timeoutNanoseconds: Int64
    private var id = RequestId()
    private var bytes = ByteBuffer()
    private var upstream: UpstreamConnection?
    private var startedAt: Int64 = 0
    private var attempts = 0
    private var status: Int?
    private var latencyNanoseconds: Int64 = 0

    init(
        _ recorded: RecordedRequests.Request, revision: LiveRevision, instance: Instance, timeoutNanoseconds: Int64,
        plane: DataPlane
    ) {
        self.plane = plane
        self.instance = instance
        self.timeoutNanoseconds = timeoutNanoseconds
        revisionName = revision.name
        id.mint(revision.mint, word: plane.requestWords.next())
        let minted = id.minted(revision: revisionName)
        bytes.writeString("POST \(recorded.path) HTTP/1.1\r\nhost: ")
        bytes.writeBytes(instance.hostField)
        bytes.writeString(
            "\r\ncontent-type: application/json\r\ncontent-length: \(recorded.body.count)\r\n"
                + "x-mlctl-synthetic: true\r\nx-mlctl-request-id: \(minted)\r\nx-request-id: \(minted)\r\n\r\n")
        bytes.writeBytes(recorded.body)
    }

    /// False where too many requests wait for the instance already.
    func start(now: Int64) -> Bool {
        startedAt = now
        deadline = now &+ timeoutNanoseconds
        return dispatch(now: now, reuses: true)
    }

    private func dispatch(now: Int64, reuses: Bool) -> Bool {
        attempts += 1
        instance.inFlight += 1
        if reuses, let connection = instance.takeIdle(now: now) {
            attach(connection)
            return true
        }
        if instance.enqueue(self) { return true }
        leave()
        isOver = true
        return false
    }

    func attach(_ connection: UpstreamConnection) {
        upstream = connection
        connection.begin(self)
        connection.write(bytes)
        connection.flush()
    }

    /// Sent again only where a connection that had rested was closed: the instance never saw it.
    func attemptFailed(_ failure: RetryPolicy.Failure, _ reason: String) {
        guard !isOver else { return }
        let request = RetryPolicy.Request(mayRepeat: true, isHeld: true, attempts: attempts, instances: 1)
        let decision = RetryPolicy.decide(failure, request, attemptsMax: plane.limits.attemptsPerRequest)
        leave()
        let now = plane.now
        if !decision.retries || !dispatch(now: now, reuses: false) { end(.failed, now: now) }
    }

    // MARK: The answer

    func beginAnswer(_ head: ResponseHead, _ bytes: inout ByteBuffer) {
        let now = plane.now
        status = head.status
        latencyNanoseconds = now - startedAt
        deadline = now &+ timeoutNanoseconds
        instance.ejection.succeeded()
        bytes.moveReaderIndex(forwardBy: head.length)
    }

    func forwardAnswer(_ bytes: inout ByteBuffer, _ body: inout BodyFraming) -> BodyFraming.Progress {
        let now = plane.now
        deadline = min(now &+ timeoutNanoseconds, startedAt &+ timeoutNanoseconds &+ plane.bodyIdleNanoseconds)
        let progress = bytes.withUnsafeReadableBytes { body.consume($0) }
        switch progress {
        case .more, .invalid: bytes.clear()
        case .done(let count): bytes.moveReaderIndex(forwardBy: count)
        }
        return progress
    }

    func answerIsWhole(release connection: UpstreamConnection?) {
        upstream = nil
        instance.inFlight -= 1
        let now = plane.now
        if let connection { instance.release(connection, now: now) }
        end(status.map { .answered(status: $0) } ?? .failed, now: now)
    }

    func answerWasCutOff() {
        upstream = nil
        instance.inFlight -= 1
        end(.failed, now: plane.now)
    }

    func forwardContinue() {}
    func flushAnswer() {}
    func updateReading() {}

    // MARK: Ending

    func deadlinePassed(now: Int64) {
        guard !isOver else { return }
        leave()
        end(.failed, now: now)
    }

    func cancel() {
        guard !isOver else { return }
        isOver = true
        leave()
    }

    private func leave() {
        instance.inFlight -= 1
        if let upstream {
            self.upstream = nil
            upstream.abandon()
        } else {
            instance.cancel(self)
        }
    }

    private func end(_ outcome: RequestOutcome, now: Int64) {
        isOver = true
        instance.synthetic.record(outcome, nanoseconds: status == nil ? now - startedAt : latencyNanoseconds)
        if outcome.isError { instance.failedIds.append(id.minted(revision: revisionName)) }
    }
}
