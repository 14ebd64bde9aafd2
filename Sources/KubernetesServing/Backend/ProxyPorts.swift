import ModelManifests

/// The container ports of routes; each namespace's proxies have their own. The cost of a lookup does not depend on the number of
/// routes.
struct ProxyPorts: Sendable {
    private var ports: [DeploymentKey: Int] = [:]
    private var taken: [String: Set<Int>] = [:]

    subscript(_ deployment: DeploymentKey) -> Int? {
        get { ports[deployment] }
        set {
            if let before = ports[deployment] { taken[deployment.namespace]?.remove(before) }
            ports[deployment] = newValue
            if let newValue { taken[deployment.namespace, default: []].insert(newValue) }
        }
    }

    func taken(in namespace: String) -> Set<Int> { taken[namespace] ?? [] }
}
