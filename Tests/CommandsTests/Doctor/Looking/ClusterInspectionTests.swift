import Foundation
import JSON
import KubernetesClient
import ModelManifests
import Synchronization
import Testing

@testable import Commands

@Suite("The doctor examining a cluster") struct ClusterLookTests {
    /// A simulated API server that grants the permissions of `grants`.
    private final class Server: KubernetesTransport {
        let grants: @Sendable (JSONValue) -> Bool
        let date: String?
        let asked = Mutex<[String]>([])

        init(date: String? = nil, grants: @escaping @Sendable (JSONValue) -> Bool) {
            self.grants = grants
            self.date = date
        }

        func send(_ request: APIRequest, timeout: Duration) async throws -> APIResponse {
            asked.withLock { $0.append("\(request.method.rawValue) \(request.path)") }
            guard let body = request.body else { return APIResponse(code: 200, body: Data("{}".utf8), date: date) }
            let attributes = try JSONValue(parsing: body)[field: "spec"]?[field: "resourceAttributes"] ?? .null
            return APIResponse(code: 201, body: Data(#"{"status":{"allowed":\#(grants(attributes))}}"#.utf8))
        }

        func lines(_ request: APIRequest, idleTimeout: Duration) async throws -> AsyncThrowingStream<Data, any Error> {
            throw APIError(.malformed, message: "no watch")
        }
    }

    private struct Away: KubernetesTransport {
        func send(_ request: APIRequest, timeout: Duration) async throws -> APIResponse {
            throw APIError(.transport, message: "no answer within 8 s")
        }

        func lines(_ request: APIRequest, idleTimeout: Duration) async throws -> AsyncThrowingStream<Data, any Error> {
            throw APIError(.malformed, message: "no watch")
        }
    }

    private func findings(_ transport: any KubernetesTransport, namespace: String? = nil) async -> [Finding] {
        await ClusterInspection(
            api: KubernetesAPI(transport: transport),
            cluster: ClusterSettings(name: "prod", context: "admin", namespace: namespace)
        ).findings()
    }

    private static func isNeeded(_ attributes: JSONValue) -> Bool {
        func text(_ field: String) -> String? {
            guard case .string(let text) = attributes[field: field] else { return nil }
            return text
        }
        return ClusterRights.needed.contains { (right: ClusterRights.Right) -> Bool in
            let parts = right.resource.split(separator: "/").map(String.init)
            return text("verb") == right.verb && text("group") == right.group && text("resource") == parts[0]
                && text("subresource") == (parts.count > 1 ? parts[1] : nil) && text("name") == right.name
        }
    }

    @Test("a controller with the chart's role is well: each permission is queried, and nothing else")
    func justEnough() async {
        let server = Server(date: nil) { Self.isNeeded($0) }
        #expect(await findings(server).map(\.severity) == [.ok, .ok])
        let asked = server.asked.withLock { $0 }
        #expect(Set(asked) == ["GET /version", "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews"])
        #expect(
            asked.count == 1 + ClusterRights.needed.count + ClusterRights.grave.count + ClusterRights.excessive.count)
    }

    @Test("administrator credentials are a problem, and so are credentials without permissions")
    func extremes() async {
        let all = await findings(Server { _ in true })
        #expect(all.map(\.severity) == [.ok, .problem] && all[1].message.contains("everything"))
        let none = await findings(Server { _ in false }, namespace: "payments")
        #expect(none.map(\.severity) == [.ok, .problem] && none[1].message.contains("in namespace payments"))
    }

    @Test("with one watched namespace only that namespace is queried")
    func namespace() async throws {
        let request = try ClusterInspection.question(
            ClusterRights.Right("get", "pods/log"), namespace: "payments")
        let attributes = try JSONValue(parsing: try #require(request.body))[field: "spec"]?[field: "resourceAttributes"]
        #expect(
            attributes == [
                "verb": "get", "group": "", "resource": "pods", "subresource": "log", "namespace": "payments",
            ])
    }

    @Test("a cluster that does not answer is a problem, and its permissions are not known")
    func away() async {
        let found = await findings(Away())
        #expect(found.map(\.severity) == [.problem, .notLookedAt])
        #expect(found[0].advice?.contains("kubectl --context admin version") == true)
    }

    @Test("the cluster's clock is compared with this machine's")
    func clock() async {
        let found = await findings(Server(date: "Sun, 06 Nov 1994 08:49:37 GMT") { Self.isNeeded($0) })
        #expect(found.filter { $0.check == .clockSkew }.map(\.severity) == [.problem])
    }
}
