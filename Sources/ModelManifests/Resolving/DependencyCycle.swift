/// Finds deployments that depend on each other in a circle.
enum DependencyCycle {
    /// - Returns: the path from `key` back to itself, with `key` at both ends; nil where there is none.
    static func through(
        _ key: DeploymentKey, in deployments: [DeploymentKey: ModelDeployment]
    ) -> [DeploymentKey]? {
        var cameFrom: [DeploymentKey: DeploymentKey] = [:]
        var open = [key]
        while let next = open.popLast() {
            for dependency in (deployments[next]?.dependsOn ?? []).sorted() where cameFrom[dependency] == nil {
                cameFrom[dependency] = next
                if dependency == key { return way(to: key, cameFrom) }
                open.append(dependency)
            }
        }
        return nil
    }

    private static func way(to key: DeploymentKey, _ cameFrom: [DeploymentKey: DeploymentKey]) -> [DeploymentKey] {
        var way = [key]
        var at = cameFrom[key]
        while let step = at, step != key {
            way.insert(step, at: 0)
            at = cameFrom[step]
        }
        return [key] + way
    }
}
