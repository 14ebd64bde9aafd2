import ModelManifests
import Serving

/// What is counted for a deployment since the proxy started, and for no instance.
final class RouteTally {
    /// Requests that were meant for one revision.
    final class Unserved {
        /// None of its instances could take them.
        private(set) var requests = 0
        fileprivate private(set) var together = FailuresTogether.Series()
        var split = SplitCounters()
        /// The `turn` when the revision was last in the routes.
        fileprivate var seen = 0
        /// By slot of a table, of what a request's head says.
        private var missed: (table: SliceTable, counts: [Int])?

        /// Nothing good can come between: what is missed within two seconds is one event.
        func note(at now: Int64) {
            requests += 1
            together.note(answer: requests, at: now)
        }

        func note(_ marks: SliceMarks) {
            var counts = missed.flatMap { $0.table === marks.table ? $0.counts : nil } ?? []
            for index in 0..<marks.slots.scalarCount where marks.slots[index] >= 0 {
                let slot = Int(marks.slots[index])
                while counts.count <= slot { counts.append(0) }
                counts[slot] += 1
            }
            missed = (marks.table, counts)
        }

        /// - Parameter table: of the route now.
        fileprivate func missed(by table: SliceTable?) -> [String: Int]? {
            guard let missed, missed.table === table else { return nil }
            let counted = zip(missed.table.labels, missed.counts).filter { $0.1 > 0 }
            return Dictionary(counted.map { ($0.0, $0.1) }, uniquingKeysWith: +)
        }
    }

    /// Requests that were cut off because they outlived their drain.
    var cutRequests = 0
    /// Connections over a limit, and requests that no instance accepted.
    var refusedConnections = 0
    private(set) var seen = 0
    private var unserved: [Revision: Unserved] = [:]
    private var queues: [Revision: AdmissionQueue] = [:]
    /// Nil where the route is not sticky.
    private(set) var users: UserWindows?
    /// Nil where nothing is told apart: there is only one revision, say.
    private(set) var slices: SliceTable?

    /// - Parameter turn: rises with every swap of the routes.
    func follow(_ revision: Revision, turn: Int) -> Unserved {
        let counter = unserved[revision] ?? Unserved()
        unserved[revision] = counter
        counter.seen = turn
        seen = turn
        return counter
    }

    /// Where requests for the revision wait; nil where none do.
    func queue(of revision: Revision, limit: ConcurrencyLimit?, instances: [Instance], at deployment: DeploymentKey)
        -> AdmissionQueue?
    {
        guard limit != nil || queues[revision] != nil else { return nil }
        let queue = queues[revision] ?? AdmissionQueue(deployment)
        queues[revision] = queue
        queue.follow(limit, instances: instances)
        return limit == nil ? nil : queue
    }

    /// The routes are in force.
    /// - Parameter revisions: of the route, if there is one.
    func settleQueues(of revisions: [Revision], now: Int64) {
        for (revision, queue) in queues {
            if !revisions.contains(revision) { queue.follow(nil, instances: []) }
            queue.settle(now: now)
        }
        queues = queues.filter { revisions.contains($0.key) }
    }

    var queueReports: [QueueReport] {
        queues.map { QueueReport(revision: $0.key, waiting: $0.value.count, refused: $0.value.refused) }
            .sorted { $0.revision < $1.revision }
    }

    /// Users of other revisions are forgotten, and of a route that is not sticky all of them.
    func followUsers(of route: ProxyRoute, limits: ProxyLimits) {
        guard route.routing.isSticky else {
            users = nil
            return
        }
        let windows = users ?? UserWindows(length: limits.userWindow, capacity: limits.usersPerWindow)
        windows.keep(route.revisions.map(\.revision))
        users = windows
    }

    /// A table stays while there are two revisions and the slices are the same. With sticky users the unit of evidence is the
    /// user, of whom slices know nothing.
    func followSlices(of route: ProxyRoute) {
        guard let wanted = route.slices, route.revisions.count > 1, !route.routing.isSticky else {
            slices = nil
            return
        }
        if slices?.slices != wanted { slices = SliceTable(wanted) }
    }

    /// Forgets revisions that are gone and missed nothing, and the oldest of those that are too many.
    func tidy(turn: Int, revisionsMax: Int) {
        unserved = unserved.filter { $0.value.requests > 0 || $0.value.seen == turn }
        guard unserved.count > revisionsMax else { return }
        let gone = unserved.filter { $0.value.seen < turn }.sorted { $0.value.seen < $1.value.seen }
        for (revision, _) in gone.prefix(unserved.count - revisionsMax) { unserved[revision] = nil }
    }

    func note(turn: Int) { seen = turn }

    var isEmpty: Bool { cutRequests == 0 && refusedConnections == 0 && unserved.allSatisfy { $0.value.requests == 0 } }

    /// Of every revision in the routes: what began at nothing is counted from there.
    func splits(_ deployment: DeploymentKey) -> [SplitReport] {
        unserved.filter { $0.value.seen == seen }.map {
            SplitReport(deployment: deployment, revision: $0.key, counters: $0.value.split)
        }
    }

    /// Of those that missed any.
    func report(_ deployment: DeploymentKey) -> [UnavailableReport] { all(deployment).filter { $0.requests > 0 } }

    /// Of every revision in the routes too: a counter that appears with its first count shows Prometheus no rise.
    func all(_ deployment: DeploymentKey) -> [UnavailableReport] {
        unserved.map {
            UnavailableReport(
                deployment: deployment, revision: $0.key, requests: $0.value.requests, together: $0.value.together.sum,
                slices: $0.value.missed(by: slices))
        }
    }
}
