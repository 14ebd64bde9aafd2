/// The most that all deployments of a project may have together, including rollouts under way. A value that is not given has
/// no limit.
package struct ProjectLimits: Hashable, Sendable {
    /// Of a project in a settings file whose limits name no number.
    package static let defaultDeployments = 1000

    package var deployments: Int?
    /// Instances of all revisions.
    package var replicas: Int?
    package var resources: ResourceAmounts

    package init(deployments: Int? = nil, replicas: Int? = nil, resources: ResourceAmounts = ResourceAmounts()) {
        self.deployments = deployments
        self.replicas = replicas
        self.resources = resources
    }

    package var isEmpty: Bool { self == ProjectLimits() }

    /// The limits that are exceeded, in words: `replicas: 24 of 20`. Empty where none is.
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

/// What some instances use, or would use, together.
package struct ProjectDemand: Hashable, Sendable {
    package var deployments: Int
    package var replicas: Int
    package var cpuMillicores: Int64
    package var memoryBytes: Int64
    package var extended: [String: Int64]

    package init() {
        (deployments, replicas, cpuMillicores, memoryBytes, extended) = (0, 0, 0, 0, [:])
    }

    /// The demand of this number of instances.
    package init(replicas: Int, of resources: Resources) {
        let count = Int64(replicas)
        deployments = 0
        self.replicas = replicas
        cpuMillicores = Self.times(count, Int64(resources.cpuLimitMillicores ?? 0))
        memoryBytes = Self.times(count, resources.memoryLimitBytes ?? 0)
        extended = resources.extended.mapValues { Self.times(count, Int64($0)) }
    }

    /// Of so many instances; in a cluster, with all that runs in their pods.
    package init(replicas: Int, of template: ServingTemplate, at target: Target) {
        let isBare = target == .local || template.runtime.pod?.template == nil && template.model.storageURI == nil
        let resources = isBare ? template.resources.used : PodDemand(template).resources
        self.init(replicas: replicas, of: resources)
    }

    package static func + (left: ProjectDemand, right: ProjectDemand) -> ProjectDemand {
        left.joined(right, by: plus)
    }

    /// The larger of both, number by number.
    package func peak(_ other: ProjectDemand) -> ProjectDemand { joined(other, by: max) }

    /// The demand with a part of it subtracted.
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

/// Amounts in the notation that people use.
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

/// Decides which deployments must wait because their project has no room for them.
///
/// What already runs, or is being loaded, is never refused: a lowered limit only affects new demand. Deployments that ask
/// for no more than they have always get it. The others follow by name, each completely or not at all.
package struct ProjectQuota: Sendable {
    package struct Claim: Sendable {
        package var deployment: DeploymentKey
        /// What it uses now: all revisions that serve or are being loaded.
        package var inUse: ProjectDemand
        /// The most that it uses until its manifest is fulfilled; nil where its manifest is not applied as written.
        package var wanted: ProjectDemand?

        package init(deployment: DeploymentKey, inUse: ProjectDemand, wanted: ProjectDemand?) {
            self.deployment = deployment
            self.inUse = inUse
            self.wanted = wanted
        }
    }

    /// What the project uses now.
    package private(set) var inUse = ProjectDemand()
    /// What does not fit, in words, by deployment.
    package private(set) var refusals: [DeploymentKey: [String]] = [:]

    package init(_ claims: [Claim], within limits: ProjectLimits) {
        inUse = claims.reduce(ProjectDemand()) { $0 + $1.inUse }
        guard !limits.isEmpty else { return }
        var total = inUse
        let growing = claims.filter { claim in claim.wanted.map { !$0.isWithin(claim.inUse) } ?? false }
        for claim in growing.sorted(by: Self.comesFirst) {
            guard let wanted = claim.wanted else { continue }
            let after = total.without(claim.inUse) + wanted.peak(claim.inUse)
            // A limit that was exceeded before does not hold a deployment that adds nothing to it.
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
