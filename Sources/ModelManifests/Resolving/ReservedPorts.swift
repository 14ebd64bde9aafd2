/// The ports of the controller's machine that no endpoint can have, as far as the reader of manifests knows them.
///
/// `mlctl validate` knows the defaults. A controller also knows its own ports, and which deployment serves at which port.
package struct ReservedPorts: Hashable, Sendable {
    /// The port of the controller's API; nil where it uses no port of this machine.
    package var controller: Int?
    /// The port of the controller's probes; nil where they share the API's port.
    package var probes: Int?
    /// The port where a proxy answers with its counters.
    package var proxyControl: Int?
    /// The range of ports for instances.
    package var instances: ClosedRange<Int>?
    /// The deployments that serve at each port now, previews included. They keep it where several ask for it.
    package var holders: [Int: DeploymentKey]

    package static let defaultController = 8090
    package static let defaultProxyControl = 9901
    package static let defaultInstances = 20_000...29_999

    package init(
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
        if port == controller { return "port \(port) is reserved for the controller's API" }
        if port == probes { return "port \(port) is reserved for the controller's probes" }
        if port == proxyControl { return "port \(port) is reserved for the control port of mlctl's proxy" }
        if let instances, instances.contains(port) {
            return
                "port \(port) is in the range \(instances.lowerBound) to \(instances.upperBound), which is reserved for model "
                + "servers"
        }
        return nil
    }
}
