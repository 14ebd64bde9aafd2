import NIOCore
import Serving

/// Sends a route's recorded requests to all of its revisions that have instances, at the rate that is wanted. Nothing
/// waits: what finds too many under way is dropped, whichever revision's turn it is.
final class SyntheticTraffic {
    let spec: SyntheticRoute
    let recorded: RecordedRequests
    private(set) var dropped: Int

    private unowned let plane: DataPlane
    private var route: LiveRoute
    private var revisions: [LiveRevision] = []
    private var pace: SyntheticPace
    private var draw = SyntheticDraw()
    private var underWay: [SyntheticRequest] = []
    private var ticking: RepeatedTask?

    init(_ spec: SyntheticRoute, _ recorded: RecordedRequests, route: LiveRoute, droppedBefore: Int, plane: DataPlane) {
        self.spec = spec
        self.recorded = recorded
        self.route = route
        self.plane = plane
        dropped = droppedBefore
        pace = SyntheticPace(
            ratePerSecond: spec.ratePerSecond, atOnceMax: plane.limits.syntheticInFlight, nowNanoseconds: plane.now)
        follow(route)
    }

    func start() {
        let tick = TimeAmount.nanoseconds(pace.tickNanoseconds)
        let bound = NIOLoopBound(self, eventLoop: plane.loop)
        ticking = plane.loop.scheduleRepeatedTask(initialDelay: tick, delay: tick) { _ in bound.value.tick() }
    }

    /// The route was swapped.
    func follow(_ route: LiveRoute) {
        self.route = route
        revisions = route.revisions.filter { !$0.instances.isEmpty }
        draw.restart()
    }

    /// Sends nothing more. What is under way goes on.
    func stop() {
        ticking?.cancel()
        ticking = nil
        revisions = []
    }

    /// Gives up what is under way, uncounted.
    func cancel() {
        stop()
        for request in underWay { request.cancel() }
        underWay = []
    }

    var isQuiet: Bool { ticking == nil && underWay.isEmpty }

    /// Ends what has passed its time.
    func sweep(now: Int64) {
        for request in underWay where request.deadline < now { request.deadlinePassed(now: now) }
        underWay.removeAll { $0.isOver }
    }

    private func tick() {
        let now = plane.now
        sweep(now: now)
        for _ in 0..<pace.due(nowNanoseconds: now) where !revisions.isEmpty && !plane.isDraining {
            if underWay.count < plane.limits.syntheticInFlight { sendNext(now: now) } else { dropped += 1 }
        }
    }

    private func sendNext(now: Int64) {
        let next = draw.next(
            requests: recorded.requests.count, revisions: revisions.count, using: &plane.random)
        let revision = revisions[next.revision]
        guard let instance = revision.pick(now: now, besides: nil, &plane.random) else { return }
        let request = SyntheticRequest(
            recorded.requests[next.request], revision: revision, instance: instance,
            timeoutNanoseconds: route.requestTimeoutNanoseconds, plane: plane)
        if request.start(now: now) { underWay.append(request) } else { dropped += 1 }
    }
}
