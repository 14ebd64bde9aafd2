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

    /// Nothing new goes to the instance, and nothing that went there is under way.
    func isDrained(_ id: String) -> Bool {
        if isDown { return true }
        return answers && followed != nil && !routedInstances.contains(id) && (instances[id]?.inFlight ?? 0) == 0
    }

    /// What a deployment's observation takes from here.
    struct Share: Hashable, Sendable {
        var route: ProxyRoute?
        var endpoint: EndpointReport?
        var preview: EndpointReport?
        var ejected: Set<String> = []
        var answers = false
        var problem: String?
    }

    func share(of deployment: DeploymentKey) -> Share {
        Share(
            route: answers ? routes[deployment] : nil, endpoint: answers ? endpoints[deployment] : nil,
            preview: answers ? previews[deployment] : nil, ejected: answers ? ejected[deployment] ?? [] : [],
            answers: answers, problem: problem)
    }
}

extension ProxyRoute {
    /// By revision, what it says of each.
    func shares(_ share: KeyPath<RevisionRoute, Int>) -> [Revision: Int] {
        Dictionary(revisions.map { ($0.revision, $0[keyPath: share]) }, uniquingKeysWith: +)
    }
}
