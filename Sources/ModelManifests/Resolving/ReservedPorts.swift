/// Ports of the controller's machine that no endpoint can have, as far as whoever reads manifests knows them.
///
/// `mlctl validate` knows the defaults. A controller knows where it listens, and who serves where.
public struct ReservedPorts: Hashable, Sendable {
    /// Where the controller's API listens; nil: not on this machine's ports.
    public var controller: Int?
    /// Where the controller's probes answer; nil: at its API's port alone.
    public var probes: Int?
    /// Where a proxy says what it counts.
    public var proxyControl: Int?
    /// From which instances' ports are taken.
    public var instances: ClosedRange<Int>?
    /// Deployments that answer at a port now, with their previews. Where several want a port, they keep it.
    public var holders: [Int: DeploymentKey]

    public static let defaultController = 8090
    public static let defaultProxyControl = 9901
    public static let defaultInstances = 20_000...29_999

    public init(
        controller: Int? = ReservedPorts.defaultController, probes: Int? = nil,
        proxyControl: Int? = ReservedPorts.defaultProxyControl,
        instances: ClosedRange<Int>? = ReservedPorts.defaultInstances, holders: [Int: DeploymentKey] = [:]
    ) {
        self.controller = controller
        self.probes = probes
        self.proxyControl = proxyControl
        self.instances = instances
        self.holders = holders
    }

    /// Why an endpoint cannot have the port; nil where it can.
    func problem(with port: Int) -> String? {
        if port == controller { return "port \(port) is the controller's own: its API listens there" }
        if port == probes { return "port \(port) is the controller's own: its probes answer there" }
        if port == proxyControl { return "port \(port) is the control port of mlctl's proxy" }
        if let instances, instances.contains(port) {
            return
                "port \(port) is one of \(instances.lowerBound) to \(instances.upperBound), from which model servers get "
                + "their ports"
        }
        return nil
    }
}
