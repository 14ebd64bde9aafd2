import ModelManifests

/// What the proxies of a place say of one deployment's requests, all together.
public struct ProxiedTraffic: Hashable, Sendable {
    /// By proxy: what reaches each revision, empty of one that does not have the route. Those that did not answer, or are too
    /// old to say, are not in it.
    public var shares: [String: [RouteReport.Share]]
    /// Instances that one of them has taken out of rotation for now.
    public var ejected: Set<String>
    /// Instances that new requests may go to, or that have some under way, at one of them.
    public var busy: Set<String>
    /// Since each of them began to count.
    public var cutRequests: Int
    public var refusedConnections: Int
    /// What they cannot follow of the route, and what to do.
    public var problems: [String]
    /// Why none of them can be asked; nil where one answered.
    public var silence: String?

    public init(
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

    /// What all of them do alike.
    ///
    /// - Parameter proxies: how many take requests.
    /// - Returns: nil where one of them has not answered, has no route yet, or does something else than the others.
    public func agreed(by proxies: Int) -> [RouteReport.Share]? {
        let said = Set(shares.values.map(Set.init))
        guard proxies > 0, shares.count >= proxies, said.count == 1, let all = shares.first?.value, !all.isEmpty
        else { return nil }
        return all
    }
}
