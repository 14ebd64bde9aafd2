import ModelManifests
import Serving

/// Counters of a deployment since the proxy started that belong to no instance.
final class RouteTally {
    /// Requests that were drawn for one revision.
    final class RevisionTally {
        /// Requests that none of its instances could take.
        private(set) var requests = 0
        fileprivate private(set) var together = FailureClumps.Series()
        var split = SplitCounters()
        /// The `turn` when the revision was last in the routes.
        fileprivate var seen = 0
        /// By slot of a table, of what a request's head says.
        private var missed: (table: SliceTable, counts: [Int])?

        /// No good answer can come between, so all that is missed within two seconds is one clump.
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

    /// Requests that were cut off because their drain time was over.
    var cutRequests = 0
    /// Connections over a limit, and requests that no instance accepted.
    var refusedConnections = 0
    private(set) var seen = 0
    private var unserved: [Revision: RevisionTally] = [:]
    private var queues: [Revision: AdmissionQueue] = [:]
    /// Nil if the route is not sticky.
    private(set) var users: UserWindows?
    /// Nil if no slices are counted, for example because there is only one revision.
    private(set) var slices: SliceTable?

    /// - Parameter turn: grows each time the routes are replaced.
    func follow(_ revision: Revision, turn: Int) -> RevisionTally {
        let counter = unserved[revision] ?? RevisionTally()
        unserved[revision] = counter
        counter.seen = turn
        seen = turn
        return counter
    }

    /// The queue of requests for the revision. Nil if it has no concurrency limit.
    func queue(of revision: Revision, limit: ConcurrencyLimit?, instances: [Instance], at deployment: DeploymentKey)
        -> AdmissionQueue?
    {
        guard limit != nil || queues[revision] != nil else { return nil }
        let queue = queues[revision] ?? AdmissionQueue(deployment)
        queues[revision] = queue
        queue.follow(limit, instances: instances)
        return limit == nil ? nil : queue
    }

    /// Called once the routes are in force.
    /// - Parameter revisions: the revisions of the route, if there is one.
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

    /// Forgets users of other revisions, and all users if the route is not sticky.
    func followUsers(of route: ProxyRoute, limits: ProxyLimits) {
        guard route.routing.isSticky else {
            users = nil
            return
        }
        let windows = users ?? UserWindows(length: limits.userWindow, capacity: limits.usersPerWindow)
        windows.keep(route.revisions.map(\.revision))
        users = windows
    }

    /// Keeps the table while there are two revisions and the slices stay the same. With sticky users there is none: the unit of
    /// evidence is then the user, and slices count requests.
    func followSlices(of route: ProxyRoute) {
        guard let wanted = route.slices, route.revisions.count > 1, !route.routing.isSticky else {
            slices = nil
            return
        }
        if slices?.slices != wanted { slices = SliceTable(wanted) }
    }

    /// Forgets removed revisions that missed nothing, and the oldest of the others if there are too many.
    func tidy(turn: Int, revisionsMax: Int) {
        unserved = unserved.filter { $0.value.requests > 0 || $0.value.seen == turn }
        guard unserved.count > revisionsMax else { return }
        let gone = unserved.filter { $0.value.seen < turn }.sorted { $0.value.seen < $1.value.seen }
        for (revision, _) in gone.prefix(unserved.count - revisionsMax) { unserved[revision] = nil }
    }

    func note(turn: Int) { seen = turn }

    var isEmpty: Bool { cutRequests == 0 && refusedConnections == 0 && unserved.allSatisfy { $0.value.requests == 0 } }

    /// For every revision in the routes. A counter that starts at zero can be compared from its start.
    func splits(_ deployment: DeploymentKey) -> [SplitReport] {
        unserved.filter { $0.value.seen == seen }.map {
            SplitReport(deployment: deployment, revision: $0.key, counters: $0.value.split)
        }
    }

    /// Only revisions that missed requests.
    func report(_ deployment: DeploymentKey) -> [UnavailableReport] { all(deployment).filter { $0.requests > 0 } }

    /// Also includes every revision in the routes: if a counter appears only with its first count, Prometheus sees no increase.
    func all(_ deployment: DeploymentKey) -> [UnavailableReport] {
        unserved.map {
            UnavailableReport(
                deployment: deployment, revision: $0.key, requests: $0.value.requests, together: $0.value.together.sum,
                slices: $0.value.missed(by: slices))
        }
    }
}
