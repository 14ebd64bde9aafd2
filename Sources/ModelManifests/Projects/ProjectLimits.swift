/// The most that the deployments of a project may have together: what runs, and what is on its way. What is not given has
/// no limit.
public struct ProjectLimits: Hashable, Sendable {
    /// Of a project in a settings file whose limits name no number.
    public static let defaultDeployments = 1000

    public var deployments: Int?
    /// Instances of all revisions.
    public var replicas: Int?
    public var resources: ResourceAmounts

    public init(deployments: Int? = nil, replicas: Int? = nil, resources: ResourceAmounts = ResourceAmounts()) {
        self.deployments = deployments
        self.replicas = replicas
        self.resources = resources
    }

    public var isEmpty: Bool { self == ProjectLimits() }

    /// What is over a limit, in words: `replicas: 24 of 20`. Empty where nothing is.
    func excess(of demand: ProjectDemand) -> [String] {
        var excess: [String] = []
        func compare(_ name: String, _ wanted: Int64, _ limit: Int64?, shown: (Int64) -> String = { "\($0)" }) {
            guard let limit, wanted > limit else { return }
            excess.append("\(name): \(shown(wanted)) of \(shown(limit))")
        }
        compare("deployments", Int64(demand.deployments), deployments.map(Int64.init))
        compare("replicas", Int64(demand.replicas), replicas.map(Int64.init))
        compare("cpu", demand.cpuMillicores, resources.cpuMillicores.map(Int64.init)) { AmountText.cpu($0) }
        compare("memory", demand.memoryBytes, resources.memoryBytes) { AmountText.memory($0) }
        for (name, limit) in resources.extended.sorted(by: { $0.key < $1.key }) {
            compare(name, demand.extended[name] ?? 0, Int64(limit))
        }
        return excess
    }

    /// Whether `cpu` or `memory` has a limit.
    func isLimited(_ resource: String) -> Bool {
        resource == "cpu" ? resources.cpuMillicores != nil : resources.memoryBytes != nil
    }
}

/// What some instances have, or would have, together.
public struct ProjectDemand: Hashable, Sendable {
    public var deployments: Int
    public var replicas: Int
    public var cpuMillicores: Int64
    public var memoryBytes: Int64
    public var extended: [String: Int64]

    public init() {
        (deployments, replicas, cpuMillicores, memoryBytes, extended) = (0, 0, 0, 0, [:])
    }

    /// Of so many instances.
    public init(replicas: Int, of resources: Resources) {
        let count = Int64(replicas)
        deployments = 0
        self.replicas = replicas
        cpuMillicores = Self.times(count, Int64(resources.cpuLimitMillicores ?? 0))
        memoryBytes = Self.times(count, resources.memoryLimitBytes ?? 0)
        extended = resources.extended.mapValues { Self.times(count, Int64($0)) }
    }

    /// Of so many instances; in a cluster, with all that runs in their pods.
    public init(replicas: Int, of template: ServingTemplate, at target: Target) {
        let isBare = target == .local || template.runtime.pod?.template == nil && template.model.storageURI == nil
        let resources = isBare ? template.resources.used : PodDemand(template).resources
        self.init(replicas: replicas, of: resources)
    }

    public static func + (left: ProjectDemand, right: ProjectDemand) -> ProjectDemand {
        left.joined(right, by: plus)
    }

    /// The larger of both, number by number.
    public func peak(_ other: ProjectDemand) -> ProjectDemand { joined(other, by: max) }

    /// What is left without a part of it.
    func without(_ part: ProjectDemand) -> ProjectDemand { joined(part) { max(0, $0 - $1) } }

    func isWithin(_ other: ProjectDemand) -> Bool { peak(other) == other.peak(ProjectDemand()) }

    private func joined(_ other: ProjectDemand, by join: (Int64, Int64) -> Int64) -> ProjectDemand {
        var result = ProjectDemand()
        result.deployments = Int(join(Int64(deployments), Int64(other.deployments)))
        result.replicas = Int(join(Int64(replicas), Int64(other.replicas)))
        result.cpuMillicores = join(cpuMillicores, other.cpuMillicores)
        result.memoryBytes = join(memoryBytes, other.memoryBytes)
        guard !extended.isEmpty || !other.extended.isEmpty else { return result }
        for name in Set(extended.keys).union(other.extended.keys) {
            let amount = join(extended[name] ?? 0, other.extended[name] ?? 0)
            if amount != 0 { result.extended[name] = amount }
        }
        return result
    }

    private static func plus(_ left: Int64, _ right: Int64) -> Int64 {
        let (sum, overflows) = left.addingReportingOverflow(right)
        return overflows ? .max : sum
    }

    private static func times(_ left: Int64, _ right: Int64) -> Int64 {
        let (product, overflows) = left.multipliedReportingOverflow(by: right)
        return overflows ? .max : product
    }
}

extension Resources {
    /// What it takes: its limits, and more where more is set aside for it.
    fileprivate var used: Resources {
        guard let requests else { return self }
        return Resources(
            cpuLimitMillicores: Self.larger(cpuLimitMillicores, requests.cpuMillicores),
            memoryLimitBytes: Self.larger(memoryLimitBytes, requests.memoryBytes),
            extended: requests.extended.isEmpty ? extended : extended.merging(requests.extended, uniquingKeysWith: max))
    }

    private static func larger<Amount: Comparable>(_ one: Amount?, _ other: Amount?) -> Amount? {
        [one, other].compactMap(\.self).max()
    }
}

/// Amounts as people write them.
enum AmountText {
    static func cpu(_ millicores: Int64) -> String {
        millicores % 1000 == 0 ? "\(millicores / 1000)" : "\(millicores)m"
    }

    static func memory(_ bytes: Int64) -> String {
        for (power, unit) in [(40, "Ti"), (30, "Gi"), (20, "Mi"), (10, "Ki")]
        where bytes != 0 && bytes % (1 << power) == 0 {
            return "\(bytes >> power)\(unit)"
        }
        return "\(bytes)"
    }
}

/// Which deployments have to wait because their project has no room for them.
///
/// What runs already, and what is on its way, is never refused: a limit that was lowered holds what is new. Those that ask
/// for no more than they have always have it; then the others come by name, each in full or not at all.
public struct ProjectQuota: Sendable {
    public struct Claim: Sendable {
        public var deployment: DeploymentKey
        /// What it has now: all revisions that serve, or are being loaded.
        public var inUse: ProjectDemand
        /// The most that it has until its manifest is true; nil where it is not wanted as it is written.
        public var wanted: ProjectDemand?

        public init(deployment: DeploymentKey, inUse: ProjectDemand, wanted: ProjectDemand?) {
            self.deployment = deployment
            self.inUse = inUse
            self.wanted = wanted
        }
    }

    /// What the project has now.
    public private(set) var inUse = ProjectDemand()
    /// What does not fit, in words, by deployment.
    public private(set) var refusals: [DeploymentKey: [String]] = [:]

    public init(_ claims: [Claim], within limits: ProjectLimits) {
        inUse = claims.reduce(ProjectDemand()) { $0 + $1.inUse }
        guard !limits.isEmpty else { return }
        var total = inUse
        let growing = claims.filter { claim in claim.wanted.map { !$0.isWithin(claim.inUse) } ?? false }
        for claim in growing.sorted(by: Self.comesFirst) {
            guard let wanted = claim.wanted else { continue }
            let after = total.without(claim.inUse) + wanted.peak(claim.inUse)
            // A limit that was passed before is no reason to hold who does not add to it.
            let excess = Set(limits.excess(of: after)).subtracting(limits.excess(of: total))
            if excess.isEmpty {
                total = after
            } else {
                refusals[claim.deployment] = limits.excess(of: after).filter(excess.contains)
            }
        }
    }

    private static func comesFirst(_ left: Claim, _ right: Claim) -> Bool {
        let (isLeftThere, isRightThere) = (left.inUse.deployments > 0, right.inUse.deployments > 0)
        return isLeftThere == isRightThere ? left.deployment < right.deployment : isLeftThere
    }
}
