import JSON

/// The resources of one instance with everything that its pod template runs, computed as the scheduler does: containers that
/// run together are added; an init container counts where it needs more than everything that runs later.
///
/// Source: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
struct PodDemand {
    /// A container that may use a resource without an end.
    struct Endless {
        var container: String
        var resource: String
        /// In the pod template; nil: the server, as the manifest describes it.
        var path: [PathElement]?
    }

    /// By resource: CPU in thousandths of a core, all other resources in units.
    private(set) var amounts: [String: Int64]
    private(set) var unlimited: [Endless] = []

    private static let endless = ["cpu", "memory"]

    /// - Returns: none where every container of an instance has its limits.
    static func unlimited(_ template: ServingTemplate, at target: Target) -> [Endless] {
        if target == .local || template.runtime.pod?.template == nil {
            let server = template.resources
            let lacking =
                (server.cpuLimitMillicores == nil ? ["cpu"] : []) + (server.memoryLimitBytes == nil ? ["memory"] : [])
            return lacking.map { Endless(container: PodTemplateRules.server, resource: $0, path: nil) }
        }
        return PodDemand(template).unlimited
    }

    /// Of one pod.
    init(_ template: ServingTemplate) {
        let server = ContainerAmounts(template.resources)
        let own = MlctlContainers(template.model, template.runtime)
        let containers = PodContainer.all(of: template.runtime.pod?.template)
        var running: [String: Int64] = [:]
        var ahead: [String: Int64] = [:]
        var before: [String: Int64] = [:]
        amounts = [:]
        func laid(_ list: PodContainer.List, _ name: String, over resources: Resources) -> [String: Int64] {
            var amounts = ContainerAmounts(resources)
            amounts.lay(containers.first { $0.list == list && $0.name == name }?.fields["resources"])
            return amounts.used
        }
        for container in containers {
            if own.resources(of: container) != nil { continue }
            var amounts = container.isServer ? server : ContainerAmounts()
            amounts.lay(container.fields["resources"])
            // mlctl's own containers have limits. They count only where the template changes them.
            if !container.isOfMlctl { note(container.name, amounts, container.isServer ? nil : container.path) }
            switch container.list {
            case .containers: running = Self.sum(running, amounts.used)
            case .initContainers where container.isRestartable:
                ahead = Self.sum(ahead, amounts.used)
                before = Self.larger(before, ahead)
            case .initContainers: before = Self.larger(before, Self.sum(ahead, amounts.used))
            case .ephemeralContainers: break
            }
        }
        if !containers.contains(where: \.isServer) {
            note(PodTemplateRules.server, server, nil)
            running = Self.sum(running, server.used)
        }
        for (name, resources) in own.before {
            before = Self.larger(before, laid(.initContainers, name, over: resources))
        }
        for (name, resources) in own.beside { running = Self.sum(running, laid(.containers, name, over: resources)) }
        amounts = Self.larger(Self.sum(running, ahead), before)
        var whole = ContainerAmounts()
        whole.lay(template.runtime.pod?.template?["spec"]?["resources"])
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

    private mutating func note(_ container: String, _ own: ContainerAmounts, _ path: [PathElement]?) {
        for resource in Self.endless where own.limits[resource] == nil {
            unlimited.append(Endless(container: container, resource: resource, path: path))
        }
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
