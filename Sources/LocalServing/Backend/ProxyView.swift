import ModelManifests
import Serving

/// What the controller knows of the proxy.
struct ProxyView: Hashable, Sendable {
    /// The routes that the proxy has said it follows; nil until it has said so.
    private(set) var followed: ProxyRoutes?
    private(set) var routes: [DeploymentKey: ProxyRoute] = [:]
    /// Instances that new requests may go to.
    private(set) var routedInstances: Set<String> = []
    private(set) var epoch: String?
    /// As the proxy reported them last, which is never before `followed`.
    private(set) var endpoints: [DeploymentKey: EndpointReport] = [:]
    private(set) var previews: [DeploymentKey: EndpointReport] = [:]
    private(set) var instances: [String: InstanceReport] = [:]
    /// Instances that it has taken out of rotation for now.
    private(set) var ejected: [DeploymentKey: Set<String>] = [:]
    /// Those with an instance that serves much worse than its siblings.
    private(set) var deploymentsWithOutliers: Set<DeploymentKey> = []
    /// Nil of a proxy that is too old to say.
    private(set) var reports: [DeploymentKey: RouteReport]?
    /// It answered when it was last asked.
    var answers = false
    /// No proxy runs, so that no request is under way.
    var isDown = false
    /// What is wrong and what to do.
    var problem: String?

    /// The proxy answered. Routes that it follows by another's word are not those that are known here.
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

    /// Nothing new goes to the instance, and nothing that went there is under way. What the proxy was told is not enough:
    /// it may have refused a part of that, and goes on with what it had.
    func isDrained(_ id: String) -> Bool {
        if isDown { return true }
        guard answers, followed != nil, !routedInstances.contains(id) else { return false }
        return instances[id].map { !$0.isListed && $0.inFlight == 0 } ?? true
    }

    /// What a deployment's observation takes from here.
    struct Share: Hashable, Sendable {
        var route: ProxyRoute?
        /// What really reaches each revision, in per cent, and what is copied to it; nil where it is not known.
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
            // Its own word, whoever gave it its routes and whatever it refused of them.
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
