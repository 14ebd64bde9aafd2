import Testing

@testable import Presentation

@Suite("Previews in a cluster")
struct PreviewForwardingTests {
    @Test("people outside the cluster get a command that reaches the Service")
    func forwarding() {
        #expect(
            PreviewForwarding.command("http://fraud-2222222222.payments.svc:9000")
                == "kubectl -n payments port-forward service/fraud-2222222222 8080:9000")
        #expect(
            PreviewForwarding.command("http://fraud.payments.svc")
                == "kubectl -n payments port-forward service/fraud 8080:80")
        #expect(PreviewForwarding.command("http://127.0.0.1:9101") == nil)
    }
}
