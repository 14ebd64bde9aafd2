/// What mlctl itself runs in the pods of a revision, beside the server: it brings the model's files, verifies and warms them.
package struct MlctlContainers {
    /// As KServe has them: a namespace with a quota refuses containers that name none.
    package static let fetching = Resources(
        cpuLimitMillicores: 1000, memoryLimitBytes: 1 << 30,
        requests: ResourceAmounts(cpuMillicores: 100, memoryBytes: 100 << 20))
    package static let companion = Resources(
        memoryLimitBytes: 128 << 20, requests: ResourceAmounts(cpuMillicores: 10, memoryBytes: 32 << 20))

    /// Init containers.
    private(set) var before: [(name: String, resources: Resources)] = []
    private(set) var beside: [(name: String, resources: Resources)] = []

    init(_ model: ModelSource, _ runtime: Runtime) {
        guard let uri = model.storageURI else { return }
        switch uri.prefix(while: { $0 != ":" }) {
        case "https": before.append(("fetch-model", Self.fetching))
        case "s3", "gs", "az", "hf", "models", "runs", "mlflow-artifacts":
            before.append(("storage-initializer", Self.fetching))
        default: break
        }
        // `fetch-model` verifies what it fetches.
        if model.digest != nil, before.isEmpty { before.append(("verify-model", Self.fetching)) }
        if runtime.warmup != nil { beside.append(("companion", Self.companion)) }
    }

    /// Of the one that a template's container is laid over; nil where it is none of these.
    func resources(of container: PodContainer) -> Resources? {
        let own = container.list == .initContainers ? before : container.list == .containers ? beside : []
        return own.first { $0.name == container.name }?.resources
    }
}

extension CheckGate {
    /// Of a server without limits.
    private static let defaultLimits = ResourceAmounts(cpuMillicores: 1000, memoryBytes: 2 << 30)
    /// What a check that does little needs; it may have as much as one instance.
    private static let requests = ResourceAmounts(cpuMillicores: 100, memoryBytes: 256 << 20)

    /// Of the check's own container, in the Job that runs it in a cluster.
    ///
    /// - Parameter server: what one instance of the candidate may use.
    package static func resources(beside server: Resources) -> Resources {
        let cpu = server.cpuLimitMillicores ?? defaultLimits.cpuMillicores
        let memory = server.memoryLimitBytes ?? defaultLimits.memoryBytes
        return Resources(
            cpuLimitMillicores: cpu, memoryLimitBytes: memory,
            requests: ResourceAmounts(
                cpuMillicores: least(requests.cpuMillicores, cpu), memoryBytes: least(requests.memoryBytes, memory)))
    }

    private static func least<Amount: Comparable>(_ one: Amount?, _ other: Amount?) -> Amount? {
        [one, other].compactMap(\.self).min()
    }
}

extension ModelDeployment {
    /// What the Jobs of its check gates take in a cluster while a revision is judged: each gate has one at a time.
    package var checkDemand: ProjectDemand {
        guard target != .local else { return ProjectDemand() }
        let checks = rollout.gates.count { if case .check = $0.kind { true } else { false } }
        guard checks > 0 else { return ProjectDemand() }
        var demand = ProjectDemand(replicas: checks, of: CheckGate.resources(beside: template.resources))
        if !MlctlContainers(template.model, template.runtime).before.isEmpty {
            demand = demand.peak(ProjectDemand(replicas: checks, of: MlctlContainers.fetching))
        }
        // They are no instances.
        demand.replicas = 0
        return demand
    }
}
