import ModelManifests
import Serving

/// What the controller knows about the proxy.
struct ProxyView: Hashable, Sendable {
    /// The routes that the proxy confirmed. Nil until it confirms some.
    private(set) var followed: ProxyRoutes?
    private(set) var routes: [DeploymentKey: ProxyRoute] = [:]
    /// Instances that may get new requests.
    private(set) var routedInstances: Set<String> = []
    private(set) var epoch: String?
    /// From the proxy's last report, which is never older than `followed`.
    private(set) var endpoints: [DeploymentKey: EndpointReport] = [:]
    private(set) var previews: [DeploymentKey: EndpointReport] = [:]
    private(set) var instances: [String: InstanceReport] = [:]
    /// Instances that the proxy ejected.
    private(set) var ejected: [DeploymentKey: Set<String>] = [:]
    /// Deployments with an instance that serves much worse than its siblings.
    private(set) var deploymentsWithOutliers: Set<DeploymentKey> = []
    /// Nil if the proxy is too old to report this.
    private(set) var reports: [DeploymentKey: RouteReport]?
    /// Whether the proxy answered when it was last asked.
    var answers = false
    /// No proxy runs, so no request is in progress.
    var isDown = false
    /// What is wrong, and what to do.
    var problem: String?

    /// Takes in a report. If another client changed the proxy's routes, the routes known here are no longer valid.
    mutating func note(_ report: ProxyReport) {
        if epoch != report.epoch || report.generation != followed?.generation { follow(nil) }
        answers = true
        isDown = false
        epoch = report.epoch
        endpoints = Dictionary(report.endpoints.map { ($0.deployment, $0) }) { $1 }
        previews = Dictionary(report.previews.map { ($0.deployment, $0) }) { $1 }
        instances = Dictionary(report.instances.map { ($0.instance, $0) }) { $1 }
        ejected = Dictionary(
            report.instances.filter(\.ejected).map { ($0.deployment, [$0.instance]) },
            uniquingKeysWith: { $0.union($1) })
        deploymentsWithOutliers = Set(report.instances.filter { $0.outlier != nil }.map(\.deployment))
        reports = report.routes.map { Dictionary($0.map { ($0.deployment, $0) }) { $1 } }
    }

    mutating func follow(_ routes: ProxyRoutes?) {
        followed = routes
        self.routes = Dictionary((routes?.routes ?? []).map { ($0.deployment, $0) }) { $1 }
        routedInstances = Set(
            (routes?.routes ?? []).flatMap { $0.revisions.flatMap { $0.upstreams.map(\.instance) } })
    }

    mutating func noteDown() {
        isDown = true
        answers = false
        follow(nil)
    }

    /// Whether the instance gets no new requests and has none in progress. Having sent new routes is not enough: the proxy may
    /// have refused part of them and continue with its old ones.
    func isDrained(_ id: String) -> Bool {
        if isDown { return true }
        guard answers, followed != nil, !routedInstances.contains(id) else { return false }
        return instances[id].map { !$0.isListed && $0.inFlight == 0 } ?? true
    }

    /// The part of the view that belongs to one deployment.
    struct Share: Hashable, Sendable {
        var route: ProxyRoute?
        /// The real share of each revision, in percent, and its mirrored share. Nil if unknown.
        var weights: [Revision: Int]?
        var mirrors: [Revision: Int]?
        var endpoint: EndpointReport?
        var preview: EndpointReport?
        var ejected: Set<String> = []
        var answers = false
        var problem: String?
    }

    func share(of deployment: DeploymentKey) -> Share {
        guard answers else { return Share(problem: problem) }
        let route = routes[deployment]
        var share = Share(
            route: route, endpoint: endpoints[deployment], preview: previews[deployment],
            ejected: ejected[deployment] ?? [], answers: true, problem: problem)
        if let reports {
            // The proxy's report counts, whoever set its routes and whatever it refused of them.
            let shares = reports[deployment]?.shares
            share.weights = shares.map { Dictionary($0.map { ($0.revision, $0.percent) }, uniquingKeysWith: +) }
            share.mirrors = shares.map { Dictionary($0.map { ($0.revision, $0.mirror) }, uniquingKeysWith: +) }
        } else if let route {
            share.weights = Dictionary(
                zip(route.revisions.map(\.revision), WeightBalance.served(route.revisions)), uniquingKeysWith: +)
            share.mirrors = Dictionary(route.revisions.map { ($0.revision, $0.mirror) }, uniquingKeysWith: +)
        }
        return share
    }
}
