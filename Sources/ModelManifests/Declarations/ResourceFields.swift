/// The fields of `spec.resources`.
enum ResourceFields {
    static let shape = Shape<Resources>.object(
        Resources(),
        fields: [
            Field(
                "limits", amounts, "The most that an instance may use: cpu, memory, and devices such as nvidia.com/gpu."
            ) {
                $0.cpuLimitMillicores = $1.cpuMillicores
                $0.memoryLimitBytes = $1.memoryBytes
                $0.extended = $1.extended
            },
            Field("requests", amounts, "In a cluster: what is reserved for an instance. Default: its limits.") {
                $0.requests = $1
            },
        ],
        check: { resources, node, reading in
            guard let requests = resources.requests, let written = node["requests"] else { return }
            reading.enter(.field("requests"))
            checkRequests(requests, resources.limits, written, &reading)
            reading.leave()
        })

    private static func checkRequests(
        _ requests: ResourceAmounts, _ limits: ResourceAmounts, _ node: SourceNode, _ reading: inout DocumentReading
    ) {
        func compare(_ name: String, _ request: Int64?, _ limit: Int64?) {
            guard let request else { return }
            if isDevice(name) {
                guard request != limit else { return }
                reading.report(
                    "must equal its limit: Kubernetes does not share devices", field: name, of: node,
                    suggestion: "leave it out; the limit is enough")
            } else if let limit, request > limit {
                reading.report(
                    "is more than its limit", field: name, of: node, suggestion: "raise the limit, or lower the request"
                )
            }
        }
        compare("cpu", requests.cpuMillicores.map(Int64.init), limits.cpuMillicores.map(Int64.init))
        compare("memory", requests.memoryBytes, limits.memoryBytes)
        for (name, amount) in requests.extended.sorted(by: { $0.key < $1.key }) {
            compare(name, Int64(amount), limits.extended[name].map(Int64.init))
        }
    }

    private static func isDevice(_ name: String) -> Bool { name.contains("/") }

    private static let amounts = Shape<[String: Quantity]>.dictionary(.quantity, count: 32).map {
        quantities, node, reading in
        var amounts = ResourceAmounts()
        for (name, quantity) in quantities.sorted(by: { $0.key < $1.key }) {
            switch name {
            case "cpu":
                amounts.cpuMillicores = quantity.whole(perUnit: 1000)
                if amounts.cpuMillicores.map({ $0 < 1 }) ?? true {
                    reading.report(
                        "must be a whole number of thousandths of a core, at least 1m", field: name, of: node)
                }
            case "memory":
                amounts.memoryBytes = quantity.whole().map(Int64.init)
                if amounts.memoryBytes.map({ $0 < 1 }) ?? true {
                    reading.report("must be a whole number of bytes, at least 1", field: name, of: node)
                }
            case _ where isDevice(name) || name == "ephemeral-storage" || name.hasPrefix("hugepages-"):
                guard let amount = quantity.whole() else {
                    reading.report("must be a whole number", field: name, of: node)
                    continue
                }
                amounts.extended[name] = amount
            default:
                reading.report(
                    "unknown resource '\(name.shortened)'", field: name, of: node,
                    suggestion: DidYouMean.nearest(to: name, among: ["cpu", "memory", "ephemeral-storage"])
                        .map { "did you mean '\($0)'?" }
                        ?? "use cpu, memory, or a device with its domain, such as nvidia.com/gpu")
            }
        }
        return amounts
    }
}
