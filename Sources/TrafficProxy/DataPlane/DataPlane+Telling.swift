import ModelManifests
import Serving

/// What the control socket tells of the data plane.
extension DataPlane {
    func report() -> ProxyReport {
        let now = now
        return ProxyReport(
            epoch: epoch, generation: generation,
            endpoints: reports(of: listeners.values.filter { $0.preview == nil }),
            previews: reports(of: listeners.values.filter { $0.preview != nil }),
            instances: instances.values.map { $0.report(now: now) }.sorted {
                ($0.deployment, $0.revision, $0.instance) < ($1.deployment, $1.revision, $1.instance)
            })
    }

    private func reports(of listeners: [Listener]) -> [EndpointReport] {
        listeners.compactMap { $0.report(problems: problems) }.sorted {
            ($0.deployment, $0.port) < ($1.deployment, $1.port)
        }
    }

    /// What `/metrics` shows.
    func traffic() -> TrafficSnapshot {
        let now = now
        return TrafficSnapshot(
            epoch: epoch, generation: generation, clientConnections: clients.count,
            weights: routes.values.flatMap { route in
                route.spec.revisions.map {
                    TrafficSnapshot.Weight(
                        deployment: route.spec.deployment, revision: $0.revision, percent: $0.weight)
                }
            },
            routes: routes.map { deployment, route in
                TrafficSnapshot.Route(
                    deployment: deployment, keptUsers: route.keptUsers?.count, unkeptRequests: route.keptUsers?.unkept,
                    syntheticDropped: synthetic[deployment]?.dropped)
            }.sorted { $0.deployment < $1.deployment },
            instances: instances.values.map {
                TrafficSnapshot.Instance(
                    deployment: $0.key.deployment, revision: $0.key.revision, instance: $0.key.id,
                    counters: $0.traffic, synthetic: $0.synthetic, preview: $0.preview, inFlight: $0.inFlight,
                    connections: $0.openConnections,
                    isEjected: $0.ejection.isEjected(nowNanoseconds: now),
                    observed: $0.tallies.observed.map(TrafficSnapshot.Observed.init), pairs: $0.tallies.pairs?.counts)
            })
    }
}
