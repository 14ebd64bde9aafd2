/// How `spec.resources` is written.
enum ResourceFields {
    static let shape = Shape<Resources>.object(
        Resources(),
        fields: [
            Field("limits", limits, "What an instance may use: cpu, memory, and devices such as nvidia.com/gpu.") {
                $0 = $1
            },
            .unavailable("requests", "use limits"),
        ])

    private static let limits = Shape<[String: Quantity]>.dictionary(.quantity, count: 32).map {
        quantities, node, reading in
        var resources = Resources()
        for (name, quantity) in quantities.sorted(by: { $0.key < $1.key }) {
            switch name {
            case "cpu":
                resources.cpuLimitMillicores = quantity.whole(perUnit: 1000)
                if resources.cpuLimitMillicores.map({ $0 < 1 }) ?? true {
                    reading.report("must be thousandths of a core, at least 1m", field: name, of: node)
                }
            case "memory":
                resources.memoryLimitBytes = quantity.whole().map(Int64.init)
                if resources.memoryLimitBytes.map({ $0 < 1 }) ?? true {
                    reading.report("must be whole bytes, at least 1", field: name, of: node)
                }
            case _ where name.contains("/"):
                guard let amount = quantity.whole() else {
                    reading.report("must be a whole number", field: name, of: node)
                    continue
                }
                resources.extended[name] = amount
            default:
                reading.report(
                    "unknown resource '\(name.shortened)'", field: name, of: node,
                    suggestion: DidYouMean.nearest(to: name, among: ["cpu", "memory"]).map { "did you mean '\($0)'?" }
                        ?? "cpu, memory, or a device with its domain, such as nvidia.com/gpu")
            }
        }
        return resources
    }
}
