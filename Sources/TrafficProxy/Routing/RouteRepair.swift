import ModelManifests
import NIOCore
import Serving

/// One route without its faults, except faults of ports. Each refused part is replaced by that of the former route, or left out.
struct RouteRepair {
    /// Nil if no valid route remains.
    private(set) var route: ProxyRoute?
    private(set) var faults: [String] = []

    init(_ new: ProxyRoute, former: ProxyRoute?, limits: ProxyLimits) {
        var route = new
        repairRevisions(&route, former, limits)
        repairRouting(&route, former)
        repairTimes(&route, former)
        if let limit = route.concurrency, !Self.isSane(limit) {
            faults.append("maxConcurrency or its queue has an invalid value")
            route.concurrency = former?.concurrency
        }
        repairDoor(&route, former)
        let tapFaults = RoutesValidation.checkTaps(of: route, limits: limits)
        if !tapFaults.isEmpty {
            faults += tapFaults
            route.observe = former?.observe ?? []
            route.observeAutomatic = former?.observeAutomatic ?? []
            route.comparison = former?.comparison ?? ShadowComparison()
            for index in route.revisions.indices where !(0...100).contains(route.revisions[index].mirror) {
                route.revisions[index].mirror = 0
            }
        }
        if let slices = route.slices {
            let sliceFaults = RoutesValidation.check(slices)
            if !sliceFaults.isEmpty { route.slices = former?.slices }
            faults += sliceFaults
        }
        if let generate = route.generate {
            let generateFaults = RoutesValidation.check(generate, limits: limits)
            if !generateFaults.isEmpty { route.generate = nil }
            faults += generateFaults
        }
        let canFollow = former != nil || !isHopeless
        self.route = canFollow ? route : nil
    }

    private static func isSane(_ limit: ConcurrencyLimit) -> Bool {
        limit.perInstance > 0 && limit.queueDepth >= 0 && limit.queueTimeout > .zero
            && limit.queueTimeout <= .seconds(86_400)
    }

    /// The former route cannot replace a refused part, so without one there is no valid route.
    private var isHopeless = false

    private mutating func repairRevisions(_ route: inout ProxyRoute, _ former: ProxyRoute?, _ limits: ProxyLimits) {
        var structural: [String] = route.revisions.flatMap(RoutesValidation.check)
        if route.revisions.count > limits.revisionsPerRoute {
            structural.append("over \(limits.revisionsPerRoute) revisions")
        }
        if Set(route.revisions.map(\.revision)).count != route.revisions.count {
            structural.append("a revision is listed twice")
        }
        guard structural.isEmpty else {
            faults += structural
            isHopeless = true
            route.revisions = former?.revisions ?? []
            return
        }
        for index in route.revisions.indices { repairUpstreams(&route.revisions[index], limits) }
        let weights = route.revisions.map(\.weight)
        if weights.contains(where: { !(0...100).contains($0) }) {
            faults.append("a weight is not between 0 and 100")
        } else if ![0, 100].contains(weights.reduce(0, +)) {
            faults.append("the weights \(weights) neither sum to 100 nor are all 0")
        } else {
            return
        }
        isHopeless = true
        // The weights stay, but the new addresses of instances still apply.
        let upstreams = Dictionary(route.revisions.map { ($0.revision, $0.upstreams) }) { first, _ in first }
        route.revisions = (former?.revisions ?? []).map { revision in
            var revision = revision
            revision.upstreams = upstreams[revision.revision] ?? revision.upstreams
            return revision
        }
    }

    private mutating func repairUpstreams(_ revision: inout RevisionRoute, _ limits: ProxyLimits) {
        var seen: Set<String> = []
        var valid: [Upstream] = []
        for upstream in revision.upstreams {
            let upstreamFaults = RoutesValidation.check(upstream)
            faults += upstreamFaults
            guard upstreamFaults.isEmpty else { continue }
            guard seen.insert(upstream.instance).inserted else {
                faults.append("an instance of revision \(revision.revision) is listed twice")
                continue
            }
            guard valid.count < limits.upstreamsPerRevision else {
                faults.append("over \(limits.upstreamsPerRevision) instances of revision \(revision.revision)")
                break
            }
            valid.append(upstream)
        }
        revision.upstreams = valid
    }

    private mutating func repairRouting(_ route: inout ProxyRoute, _ former: ProxyRoute?) {
        let routingFaults = RoutesValidation.check(route.routing)
        guard !routingFaults.isEmpty else { return }
        faults += routingFaults
        isHopeless = true
        route.routing = former?.routing ?? .random
    }

    /// Without valid files the endpoint must not answer without TLS.
    private mutating func repairDoor(_ route: inout ProxyRoute, _ former: ProxyRoute?) {
        if let address = route.address, (try? SocketAddress(ipAddress: address, port: 1)) == nil {
            faults.append("endpoint.address is not an IP address")
            route.address = former?.address
        }
        guard let tls = route.tls else { return }
        let tlsFaults = RoutesValidation.check(tls)
        guard !tlsFaults.isEmpty else { return }
        faults += tlsFaults
        isHopeless = true
        route.tls = former?.tls
    }

    private mutating func repairTimes(_ route: inout ProxyRoute, _ former: ProxyRoute?) {
        let longest = Duration.seconds(86_400)
        if route.requestTimeout <= .zero || route.requestTimeout > longest {
            faults.append("requestTimeout is not between 0 and 24 h")
            route.requestTimeout = former?.requestTimeout ?? .seconds(60)
            route.drainTimeout = former?.drainTimeout ?? route.requestTimeout
        }
        if route.drainTimeout < .zero || route.drainTimeout > longest {
            faults.append("drainTimeout is not between 0 and 24 h")
            route.drainTimeout = former?.drainTimeout ?? route.requestTimeout
        }
        if route.streamTimeout < .zero || route.streamTimeout > longest {
            faults.append("streamTimeout is not between 0 and 24 h")
            route.streamTimeout = former?.streamTimeout ?? Drain.defaultStreamTimeout
        }
    }
}
