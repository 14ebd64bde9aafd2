import NIOCore
import Serving

/// Sends a route's recorded requests to all of its revisions with instances, at the requested rate. Nothing waits: a request is
/// dropped if too many are in progress, whichever revision it is for. Answers are counted and discarded.
final class SyntheticTraffic {
    let spec: SyntheticRoute
    let recorded: RequestLines
    private(set) var dropped: Int

    private unowned let plane: DataPlane
    private var revisions: [LiveRevision] = []
    private var timeoutNanoseconds: Int64 = 0
    private var pace: SyntheticPace
    private var draw = SyntheticDraw()
    private var underWay = 0
    private var ticking: RepeatedTask?

    /// - Parameter former: the earlier generator of this deployment. Its `dropped` count continues.
    init(_ spec: SyntheticRoute, _ recorded: RequestLines, former: SyntheticTraffic?, plane: DataPlane) {
        self.spec = spec
        self.recorded = recorded
        self.plane = plane
        dropped = former?.dropped ?? 0
        pace = SyntheticPace(
            ratePerSecond: spec.ratePerSecond, atOnceMax: plane.limits.syntheticInFlight, nowNanoseconds: plane.now)
    }

    func start() {
        let tick = TimeAmount.nanoseconds(pace.tickNanoseconds)
        let bound = NIOLoopBound(self, eventLoop: plane.loop)
        ticking = plane.loop.scheduleRepeatedTask(initialDelay: tick, delay: tick) { _ in bound.value.tick() }
    }

    /// Follows a new route.
    func follow(_ route: LiveRoute) {
        timeoutNanoseconds = route.requestTimeoutNanoseconds
        revisions = route.revisions.filter { !$0.instances.isEmpty }
        draw.restart()
    }

    /// Sends nothing more. Requests in progress continue.
    func stop() {
        ticking?.cancel()
        ticking = nil
    }

    private func tick() {
        let now = plane.now
        for _ in 0..<pace.due(nowNanoseconds: now) where !revisions.isEmpty {
            if underWay < plane.limits.syntheticInFlight { sendNext(now: now) } else { dropped += 1 }
        }
    }

    private func sendNext(now: Int64) {
        let next = draw.next(requests: recorded.requests.count, revisions: revisions.count, using: &plane.random)
        let (request, revision) = (recorded.requests[next.request], revisions[next.revision])
        guard let instance = revision.pick(now: now, besides: nil, &plane.random) else { return }
        var requestId = RequestId()
        requestId.mint(revision.mint, word: plane.requestWords.next())
        let id = requestId.minted(revision: revision.name)
        underWay += 1
        InternalRequest(
            request.head(host: instance.hostField, id: id), ByteBuffer(bytes: request.body), to: instance,
            isToHead: false, copiedBytesMax: nil, timeoutNanoseconds: timeoutNanoseconds, plane: plane
        ) { request, end in
            self.ended(request, end, id: id)
        }.start()
    }

    private func ended(_ request: InternalRequest, _ end: InternalRequest.End, id: String) {
        underWay -= 1
        let outcome: RequestOutcome
        switch end {
        case .refused:
            dropped += 1
            return
        case .failed: outcome = .failed
        case .answered(let status, _): outcome = .answered(status: status)
        }
        request.instance.synthetic.record(outcome, nanoseconds: request.latencyNanoseconds)
        if outcome.isError { request.instance.failedIds.append(id) }
    }
}

extension RequestLines.Request {
    fileprivate func head(host: [UInt8], id: String) -> ByteBuffer {
        var head = ByteBuffer()
        head.writeString("POST \(path) HTTP/1.1\r\nhost: ")
        head.writeBytes(host)
        head.writeString("\r\ncontent-type: application/json\r\ncontent-length: \(body.count)\r\n")
        head.writeString("x-mlctl-synthetic: true\r\nx-mlctl-request-id: \(id)\r\nx-request-id: \(id)\r\n\r\n")
        return head
    }
}
