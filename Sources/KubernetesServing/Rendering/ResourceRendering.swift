import ModelManifests

/// `resources` of a container. Quantities are written in the form in which the API server returns them.
enum ResourceRendering {
    static func resources(_ resources: Resources) -> JSONValue {
        .fields([
            "limits": amounts(resources.limits), "requests": resources.requests.map(amounts),
        ])
    }

    private static func amounts(_ resources: ResourceAmounts) -> JSONValue {
        var amounts: [String: JSONValue] = resources.extended.mapValues { .string(String($0)) }
        amounts["cpu"] = resources.cpuMillicores.map { .string(cpu($0)) }
        amounts["memory"] = resources.memoryBytes.map { .string(memory($0)) }
        return .object(amounts)
    }

    static func cpu(_ millicores: Int) -> String {
        millicores.isMultiple(of: 1000) ? String(millicores / 1000) : "\(millicores)m"
    }

    static func memory(_ bytes: Int64) -> String {
        for (power, unit) in [(40, "Ti"), (30, "Gi"), (20, "Mi"), (10, "Ki")] {
            let size = Int64(1) << power
            if bytes > 0, bytes.isMultiple(of: size) { return "\(bytes / size)\(unit)" }
        }
        return String(bytes)
    }
}
