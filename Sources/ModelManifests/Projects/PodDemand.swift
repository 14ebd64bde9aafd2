import JSON

/// The resources of one instance with everything that its pod template runs, computed as the scheduler does: containers that
/// run together are added; an init container counts where it needs more than everything that runs later.
///
/// Source: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
struct PodDemand {
    /// By resource: CPU in thousandths of a core, all other resources in units.
    private(set) var amounts: [String: Int64]
    /// Containers without a limit for a resource, with the resource.
    private(set) var unlimited: [(container: String, resource: String)] = []

    private static let endless = ["cpu", "memory"]

    init(_ template: ServingTemplate) {
        let server = ContainerAmounts(template.resources)
        amounts = server.used
        guard let pod = template.runtime.pod?.template else {
            note(PodTemplateRules.server, server)
            return
        }
        var running: [String: Int64] = [:]
        var ahead: [String: Int64] = [:]
        var before: [String: Int64] = [:]
        var hasServer = false
        for container in PodContainer.all(of: pod) {
            var own = container.isServer ? server : ContainerAmounts()
            own.lay(container.fields["resources"])
            // mlctl's own containers have limits. They count only where the template changes them.
            if !container.isOfMlctl { note(container.name, own) }
            switch container.list {
            case .containers:
                hasServer = hasServer || container.isServer
                running = Self.sum(running, own.used)
            case .initContainers where container.isRestartable:
                ahead = Self.sum(ahead, own.used)
                before = Self.larger(before, ahead)
            case .initContainers: before = Self.larger(before, Self.sum(ahead, own.used))
            case .ephemeralContainers: break
            }
        }
        if !hasServer {
            note(PodTemplateRules.server, server)
            running = Self.sum(running, server.used)
        }
        amounts = Self.larger(Self.sum(running, ahead), before)
        var whole = ContainerAmounts()
        whole.lay(pod["spec"]?["resources"])
        amounts = Self.larger(amounts, whole.used)
        unlimited.removeAll { whole.limits[$0.resource] != nil }
    }

    /// The demand in the form of a server's resources.
    var resources: Resources {
        var extended = amounts
        let cpu = extended.removeValue(forKey: "cpu")
        let memory = extended.removeValue(forKey: "memory")
        return Resources(
            cpuLimitMillicores: cpu.map(Int.init), memoryLimitBytes: memory, extended: extended.mapValues(Int.init))
    }

    private mutating func note(_ container: String, _ own: ContainerAmounts) {
        for resource in Self.endless where own.limits[resource] == nil { unlimited.append((container, resource)) }
    }

    private static func sum(_ left: [String: Int64], _ right: [String: Int64]) -> [String: Int64] {
        left.merging(right) { one, other in
            let (sum, overflows) = one.addingReportingOverflow(other)
            return overflows ? .max : sum
        }
    }

    private static func larger(_ left: [String: Int64], _ right: [String: Int64]) -> [String: Int64] {
        left.merging(right, uniquingKeysWith: max)
    }
}

/// The `resources` of one container.
private struct ContainerAmounts {
    private(set) var limits: [String: Int64] = [:]
    private(set) var requests: [String: Int64] = [:]

    init() {}

    init(_ resources: Resources) {
        limits = Self.amounts(resources.limits)
        requests = resources.requests.map(Self.amounts) ?? [:]
    }

    /// A request is reserved even where there is no limit.
    var used: [String: Int64] { limits.merging(requests, uniquingKeysWith: max) }

    /// Merges `{limits, requests}` of a template over these amounts; null removes an amount.
    mutating func lay(_ patch: JSONValue?) {
        guard let patch else { return }
        guard patch != .null else { return self = ContainerAmounts() }
        Self.lay(patch["limits"], over: &limits)
        Self.lay(patch["requests"], over: &requests)
    }

    private static func lay(_ patch: JSONValue?, over amounts: inout [String: Int64]) {
        guard let patch else { return }
        guard patch != .null else { return amounts = [:] }
        for (name, value) in patch.members { amounts[name] = value == .null ? nil : amount(of: value, name) }
    }

    private static func amounts(_ amounts: ResourceAmounts) -> [String: Int64] {
        var all = amounts.extended.mapValues(Int64.init)
        all["cpu"] = amounts.cpuMillicores.map(Int64.init)
        all["memory"] = amounts.memoryBytes
        return all
    }

    /// Rounds up, as Kubernetes does. An amount that cannot be read counts as the largest possible one.
    private static func amount(of value: JSONValue, _ name: String) -> Int64 {
        let text: String
        switch value {
        case .string(let written): text = written
        case .integer(let number): text = "\(number)"
        case .number(let number): text = "\(number)"
        case .null, .bool, .array, .object: return .max
        }
        guard let quantity = Quantity(text) else { return .max }
        let unit = name == "cpu" ? 1000 : 1
        let fine = 1_000_000
        if let whole = quantity.whole(perUnit: unit) { return Int64(whole) }
        return quantity.whole(perUnit: unit * fine).map { Int64($0 / fine + 1) } ?? .max
    }
}
