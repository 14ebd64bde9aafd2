import ModelManifests
import Testing

@testable import KubernetesServing

struct ProxyPortsTests {
    private let fraud = DeploymentKey(namespace: "payments", name: "fraud")
    private let churn = DeploymentKey(namespace: "payments", name: "churn")

    @Test func aPortIsTakenInItsNamespaceOnly() {
        var ports = ProxyPorts()
        ports[fraud] = 10_001
        #expect(ports[fraud] == 10_001)
        #expect(ports.taken(in: "payments") == [10_001])
        #expect(ports.taken(in: "shop").isEmpty)
    }

    @Test func anotherPortOrNoneFreesTheFirst() {
        var ports = ProxyPorts()
        ports[fraud] = 10_001
        ports[churn] = 10_002
        ports[fraud] = 10_003
        #expect(ports.taken(in: "payments") == [10_002, 10_003])
        ports[churn] = nil
        #expect(ports.taken(in: "payments") == [10_003])
    }
}
