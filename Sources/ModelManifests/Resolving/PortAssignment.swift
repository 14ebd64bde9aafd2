/// A port of this machine that a deployment asks for.
struct RequestedPort: Hashable, Sendable {
    var port: Int
    /// `spec.endpoint.port` or `spec.rollout.preview.port`.
    var path: String
    var place: SourcePlace

    static let endpointPath = "spec.endpoint.port"
    static let previewPath = "spec.rollout.preview.port"

    static func of(_ spec: WrittenDeployment, at node: SourceNode?) -> [RequestedPort] {
        guard spec.target == .local else { return [] }
        var claims: [RequestedPort] = []
        if let port = spec.endpoint.port, let place = node?["endpoint"]?["port"]?.place {
            claims.append(RequestedPort(port: port, path: endpointPath, place: place))
        }
        if let port = spec.rollout.spec.preview?.port, let place = node?["rollout"]?["preview"]?["port"]?.place {
            claims.append(RequestedPort(port: port, path: previewPath, place: place))
        }
        return claims
    }
}

/// Assigns the ports of one machine to deployments. In a cluster every service has its own address.
///
/// A port goes to the deployment that has it already, otherwise to the first by name. The others are refused, each at its own
/// place. Two deployments cannot swap their ports in one commit: each must first ask for a free one. A refused deployment keeps
/// serving as it is, so the port that it has is not free either.
struct PortAssignment {
    struct Refusal: Hashable {
        var deployment: DeploymentKey
        var claim: RequestedPort
        var message: String
        var suggestion: String
    }

    private static let advice = "choose another port, or leave it out and mlctl chooses one"

    private var claims: [DeploymentKey: [RequestedPort]]
    /// The ports that each deployment had before or has now.
    private let held: [DeploymentKey: Set<Int>]
    private let place: (DeploymentKey) -> String
    private(set) var refusals: [Refusal] = []

    /// - Parameters:
    ///   - claims: the ports that valid deployments ask for.
    ///   - held: the ports that deployments had before, valid now or not.
    ///   - holding: deployments that keep serving as they are, whatever is written.
    init(
        claims: [DeploymentKey: [RequestedPort]], held: [DeploymentKey: Set<Int>], holding: Set<DeploymentKey>,
        reserved: ReservedPorts, place: @escaping (DeploymentKey) -> String
    ) {
        self.claims = claims
        self.held = held
        self.place = place
        refuse { _, claim in reserved.problem(with: claim.port) }
        refuseOwnDuplicates()
        var holding = holding
        // A refused deployment keeps the port that it had, which may refuse another one. Each round refuses at least one
        // deployment, or is the last.
        while true {
            holding.formUnion(refusals.map(\.deployment))
            let count = refusals.count
            refuseKeptPorts(by: holding)
            refuseContestedPorts()
            guard refusals.count > count else { return }
        }
    }

    private mutating func refuse(_ problem: (DeploymentKey, RequestedPort) -> String?) {
        for (key, own) in claims.sorted(by: { $0.key < $1.key }) {
            for claim in own {
                guard let message = problem(key, claim) else { continue }
                refusals.append(Refusal(deployment: key, claim: claim, message: message, suggestion: Self.advice))
                claims[key] = nil
            }
        }
    }

    private mutating func refuseOwnDuplicates() {
        refuse { [claims] key, claim in
            let same = (claims[key] ?? []).filter { $0.port == claim.port }
            guard same.count > 1, claim == same.last else { return nil }
            return "port \(claim.port) is already the endpoint's port"
        }
    }

    private mutating func refuseKeptPorts(by holding: Set<DeploymentKey>) {
        var owners: [Int: DeploymentKey] = [:]
        for key in holding.sorted() { for port in held[key] ?? [] { owners[port] = key } }
        guard !owners.isEmpty else { return }
        refuse { key, claim in
            guard let owner = owners[claim.port], owner != key else { return nil }
            return
                "port \(claim.port) still belongs to \(owner), which keeps it until its manifest is fixed"
        }
    }

    private mutating func refuseContestedPorts() {
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
            let why = held[owner]?.contains(claim.port) ?? false ? " and has it already" : ""
            return "\(owner) (\(place(owner))) also asks for port \(claim.port)\(why)"
        }
    }
}
