import Foundation
import KubernetesClient
import Testing

@Suite("Requests to the API server, without I/O")
struct APIRequestTests {
    @Test("server-side apply names its field manager, and takes over contested fields only when told to")
    func apply() {
        let request = APIRequest.apply(
            .deployments, NamespacedName(namespace: "payments", name: "fraud-7b2c"), body: Data("{}".utf8),
            fieldManager: "mlctl", force: true)
        #expect(request.method == .patch)
        #expect(
            request.target == "/apis/apps/v1/namespaces/payments/deployments/fraud-7b2c?fieldManager=mlctl&force=true")
        #expect(request.contentType == "application/apply-patch+yaml")
    }

    @Test("selectors are encoded, and the request for a later page has no resource version")
    func list() {
        let request = APIRequest.list(
            .pods, .init(namespace: "a", labelSelector: "x in (y,z)"), limit: 500, continuing: "t/1=",
            resourceVersion: "0")
        #expect(
            request.target
                == "/api/v1/namespaces/a/pods?labelSelector=x%20in%20%28y%2Cz%29&limit=500&continue=t%2F1%3D")
    }

    @Test("a watch asks for bookmarks and a bounded time")
    func watch() {
        let request = APIRequest.watch(
            .leases, .init(), resourceVersion: "12", timeout: .seconds(290), sendsInitialEvents: true)
        #expect(
            request.target
                == "/apis/coordination.k8s.io/v1/leases?watch=true&allowWatchBookmarks=true&resourceVersion=12"
                + "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=290")
    }
}
