import ModelManifests

/// The combined reports of all proxies of a site about one deployment's requests.
package struct ProxiedTraffic: Hashable, Sendable {
    /// What reaches each revision, by proxy. The list is empty for a proxy that does not have the route. A proxy that
    /// did not answer, or is too old to report shares, has no entry.
    package var shares: [String: [RouteReport.Share]]
    /// Instances that at least one proxy has ejected for now.
    package var ejected: Set<String>
    /// Instances that may get new requests from at least one proxy, or still have requests in flight there.
    package var busy: Set<String>
    /// Since each proxy began to count.
    package var cutRequests: Int
    package var refusedConnections: Int
    /// The parts of the route that a proxy cannot follow, and what to do.
    package var problems: [String]
    /// Why no proxy can be asked. Nil if at least one answered.
    package var silence: String?

    package init(
        shares: [String: [RouteReport.Share]] = [:], ejected: Set<String> = [], busy: Set<String> = [],
        cutRequests: Int = 0, refusedConnections: Int = 0, problems: [String] = [], silence: String? = nil
    ) {
        self.shares = shares
        self.ejected = ejected
        self.busy = busy
        self.cutRequests = cutRequests
        self.refusedConnections = refusedConnections
        self.problems = problems
        self.silence = silence
    }

    /// The shares, if all proxies report the same.
    ///
    /// - Parameter proxies: how many proxies take requests.
    /// - Returns: nil if a proxy has not answered, has no route yet, or differs from the others.
    package func agreed(by proxies: Int) -> [RouteReport.Share]? {
        let said = Set(shares.values.map(Set.init))
        guard proxies > 0, shares.count >= proxies, said.count == 1, let all = shares.first?.value, !all.isEmpty
        else { return nil }
        return all
    }
}
