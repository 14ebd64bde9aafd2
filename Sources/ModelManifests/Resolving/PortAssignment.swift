/// One port of this machine that a deployment wants for itself.
struct WantedPort: Hashable, Sendable {
    var port: Int
    /// `spec.endpoint.port` or `spec.rollout.preview.port`.
    var path: String
    var place: SourcePlace

    static let endpointPath = "spec.endpoint.port"
    static let previewPath = "spec.rollout.preview.port"

    static func of(_ spec: WrittenDeployment, at node: SourceNode?) -> [WantedPort] {
        guard spec.target == .local else { return [] }
        var claims: [WantedPort] = []
        if let port = spec.endpoint.port, let place = node?["endpoint"]?["port"]?.place {
            claims.append(WantedPort(port: port, path: endpointPath, place: place))
        }
        if let port = spec.rollout.spec.preview?.port, let place = node?["rollout"]?["preview"]?["port"]?.place {
            claims.append(WantedPort(port: port, path: previewPath, place: place))
        }
        return claims
    }
}

/// Who gets which port of one machine. In a cluster every service has an address of its own.
///
/// A port goes to whoever has it already, else to the first by name. The others are refused, each at its own place, and
/// nobody else is: two deployments that swap their ports want each one that nobody else wants. A deployment that is
/// refused goes on as it serves, so the port that it has had is not free either.
struct PortAssignment {
    struct Refusal: Hashable {
        var deployment: DeploymentKey
        var claim: WantedPort
        var message: String
        var suggestion: String
    }

    private static let advice = "choose another port, or leave it out to have one chosen"

    private var claims: [DeploymentKey: [WantedPort]]
    /// Ports that a deployment had when it was last wanted, or has now.
    private let held: [DeploymentKey: Set<Int>]
    private let place: (DeploymentKey) -> String
    private(set) var refusals: [Refusal] = []

    /// - Parameters:
    ///   - claims: of deployments that are wanted as they are written.
    ///   - held: ports of a deployment before, wanted now or not.
    ///   - holding: deployments that go on as they serve, whatever is written.
    init(
        claims: [DeploymentKey: [WantedPort]], held: [DeploymentKey: Set<Int>], holding: Set<DeploymentKey>,
        reserved: ReservedPorts, place: @escaping (DeploymentKey) -> String
    ) {
        self.claims = claims
        self.held = held
        self.place = place
        refuse { _, claim in reserved.problem(with: claim.port) }
        refuseOwnDoubles()
        var holding = holding
        // Whoever is refused holds what it had, which may refuse another. Each round refuses somebody, or is the last.
        while true {
            holding.formUnion(refusals.map(\.deployment))
            let count = refusals.count
            refuseHeld(by: holding)
            refuseShared()
            guard refusals.count > count else { return }
        }
    }

    private mutating func refuse(_ problem: (DeploymentKey, WantedPort) -> String?) {
        for (key, own) in claims.sorted(by: { $0.key < $1.key }) {
            for claim in own {
                guard let message = problem(key, claim) else { continue }
                refusals.append(Refusal(deployment: key, claim: claim, message: message, suggestion: Self.advice))
                claims[key] = nil
            }
        }
    }

    private mutating func refuseOwnDoubles() {
        refuse { [claims] key, claim in
            let same = (claims[key] ?? []).filter { $0.port == claim.port }
            guard same.count > 1, claim == same.last else { return nil }
            return "port \(claim.port) is the endpoint's already"
        }
    }

    private mutating func refuseHeld(by holding: Set<DeploymentKey>) {
        var owners: [Int: DeploymentKey] = [:]
        for key in holding.sorted() { for port in held[key] ?? [] { owners[port] = key } }
        guard !owners.isEmpty else { return }
        refuse { key, claim in
            guard let owner = owners[claim.port], owner != key else { return nil }
            return
                "port \(claim.port) is still that of \(owner), which goes on as it is until its manifest is put right"
        }
    }

    private mutating func refuseShared() {
        var wanted: [Int: [DeploymentKey]] = [:]
        for (key, own) in claims { for claim in own { wanted[claim.port, default: []].append(key) } }
        var owners: [Int: DeploymentKey] = [:]
        for (port, keys) in wanted where keys.count > 1 {
            let sorted = keys.sorted()
            owners[port] = sorted.first { held[$0]?.contains(port) ?? false } ?? sorted.first
        }
        guard !owners.isEmpty else { return }
        refuse { [held, place] key, claim in
            guard let owner = owners[claim.port], owner != key else { return nil }
            let why = held[owner]?.contains(claim.port) ?? false ? ", which has it already" : ""
            return "port \(claim.port) is also wanted by \(owner) (\(place(owner)))\(why)"
        }
    }
}
