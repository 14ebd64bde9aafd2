import ModelManifests
import Serving

/// The data plane's report and metrics.
extension DataPlane {
    func report() -> ProxyReport {
        let now = now
        let ends = endpointReports()
        return ProxyReport(
            epoch: epoch, generation: generation,
            endpoints: ends.filter { $0.owner.preview == nil }.map(\.report),
            previews: ends.filter { $0.owner.preview != nil }.map(\.report),
            instances: instances.values.map { $0.report(now: now) }.sorted {
                ($0.deployment, $0.revision, $0.instance) < ($1.deployment, $1.revision, $1.instance)
            }, routes: routeReports(), refused: accepted.refusals,
            unavailable: tallies.flatMap { $1.report($0) }.sorted {
                ($0.deployment, $0.revision) < ($1.deployment, $1.revision)
            },
            users: tallies.flatMap { $1.users?.report($0, at: now) ?? [] }.sorted {
                ($0.deployment, $0.revision) < ($1.deployment, $1.revision)
            },
            splits: routes.flatMap { $1.tally.splits($0) }.sorted {
                ($0.deployment, $0.revision) < ($1.deployment, $1.revision)
            })
    }

    private func routeReports() -> [RouteReport] {
        tallies.filter { routes[$0.key] != nil || !$0.value.isEmpty }.map { deployment, tally in
            let shares = routes[deployment].map { route in
                zip(route.spec.revisions, route.served).map {
                    RouteReport.Share(
                        revision: $0.revision, percent: $1, mirror: $0.upstreams.isEmpty ? 0 : $0.mirror)
                }
            }
            return RouteReport(
                deployment: deployment, shares: shares ?? [], cutRequests: tally.cutRequests,
                refusedConnections: tally.refusedConnections,
                queues: tally.queueReports.isEmpty ? nil : tally.queueReports)
        }.sorted { $0.deployment < $1.deployment }
    }

    private func endpointReports() -> [(owner: PortOwner, report: EndpointReport)] {
        let answering = Dictionary(
            listeners.values.compactMap { listener in listener.owner.map { ($0, listener) } }
        ) { first, _ in first }
        var reports = wantedPorts.map { owner, wanted in
            (owner: owner, report: report(owner, wanted: wanted, answering: answering[owner]))
        }
        for (deployment, port) in accepted.unrouted where routes[deployment] == nil {
            let reasons = accepted.refused[deployment] ?? []
            reports.append(
                (
                    PortOwner(deployment: deployment),
                    EndpointReport(
                        deployment: deployment, port: port, listening: false,
                        error: "the proxy refuses its route: " + reasons.joined(separator: "; "))
                ))
        }
        return reports.sorted { ($0.report.deployment, $0.report.port) < ($1.report.deployment, $1.report.port) }
    }

    private func report(_ owner: PortOwner, wanted: Int?, answering: Listener?) -> EndpointReport {
        let fault = accepted.portFaults[owner]
        var reason = fault?.reason
        if let wanted, answering?.port != wanted {
            let trouble =
                listeners[wanted].flatMap(\.error)
                ?? assignment.waits[owner].map { "port \(wanted) is still used by \($0)" }
            reason = [reason, trouble].compactMap(\.self).joined(separator: "; ")
        }
        if let answering, let told = reason, answering.isListening {
            reason =
                "\(told.isEmpty ? "port \(wanted ?? 0) is not open yet" : told). Until then it answers at port \(answering.boundPort)"
        }
        let certificateProblem = answering?.security.problem
        let isListening = answering?.isListening ?? false && certificateProblem == nil
        var problems: [String] = []
        if owner.preview == nil {
            problems = self.problems[owner.deployment, default: []]
            problems += accepted.refusedBesidesPorts[owner.deployment, default: []]
            if let problem = certificateProblems[owner.deployment] { problems.append(problem) }
        }
        return EndpointReport(
            deployment: owner.deployment,
            port: answering?.isListening ?? false ? answering?.boundPort ?? 0 : fault?.asked ?? wanted ?? 0,
            listening: isListening,
            error: reason.flatMap { $0.isEmpty ? nil : $0 } ?? certificateProblem, problems: problems,
            certificateProblem: certificateProblem)
    }

    /// The content of `/metrics`.
    func traffic() -> TrafficSnapshot {
        let now = now
        return TrafficSnapshot(
            epoch: epoch, generation: generation, clientConnections: clients.count + http2Clients.count,
            weights: routes.values.flatMap { route in
                zip(route.spec.revisions, route.served).map {
                    TrafficSnapshot.Weight(deployment: route.spec.deployment, revision: $0.revision, percent: $1)
                }
            },
            routes: routes.map { deployment, route in
                TrafficSnapshot.Route(
                    deployment: deployment, keptUsers: route.keptUsers?.count, unkeptRequests: route.keptUsers?.unkept,
                    syntheticDropped: synthetic[deployment]?.dropped, cutRequests: route.tally.cutRequests,
                    refusedConnections: route.tally.refusedConnections, queues: route.tally.queueReports,
                    refusals: accepted.refused[deployment]?.count ?? 0)
            }.sorted { $0.deployment < $1.deployment },
            unavailable: routes.flatMap { $1.tally.all($0) },
            instances: instances.values.map {
                TrafficSnapshot.Instance(
                    deployment: $0.key.deployment, revision: $0.key.revision, instance: $0.key.id,
                    counters: $0.traffic, synthetic: $0.synthetic, preview: $0.preview, inFlight: $0.inFlight,
                    connections: $0.openConnections,
                    isEjected: $0.isCurrentlyEjected(now: now),
                    observed: $0.tallies.observed.map(TrafficSnapshot.Observed.init), pairs: $0.tallies.pairs?.counts)
            })
    }
}
