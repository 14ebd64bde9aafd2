/// How much of a limit a project uses.
package struct LimitUsage: Hashable, Codable, Sendable {
    /// `deployments`, `replicas`, `cpu` (cores), `memory` (bytes), or a device.
    package var name: String
    package var used: Double
    package var limit: Double

    package init(name: String, used: Double, limit: Double) {
        self.name = name
        self.used = used
        self.limit = limit
    }
}
