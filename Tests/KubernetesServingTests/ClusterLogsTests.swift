import ControlPorts
import Foundation
import KubernetesClient
import ModelManifests
import Serving
import Synchronization
import Testing

@testable import KubernetesServing

@Suite("Logs of a cluster's pods")
struct ClusterLogsTests {
    /// An API server with some pods. It records its requests.
    private final class PodServer: KubernetesTransport {
        let pods: [String]
        /// The answer to a request for the log, by pod.
        let logs: [String: (code: Int, text: String)]
        private let asked = Mutex<[String]>([])

        init(pods: [String], logs: [String: (code: Int, text: String)]) {
            self.pods = pods
            self.logs = logs
        }

        var targets: [String] { asked.withLock { $0 } }

        func send(_ request: APIRequest, timeout: Duration) async throws -> APIResponse {
            asked.withLock { $0.append(request.target) }
            let parts = request.path.split(separator: "/")
            guard parts.last == "log" else {
                let items = pods.map { name in
                    #"{"metadata": {"name": "\#(name)", "namespace": "payments", "labels": {"mlctl.dev/revision": "\#(name.prefix(10))"}}}"#
                }
                return APIResponse(
                    code: 200,
                    body: Data(#"{"metadata": {}, "items": [\#(items.joined(separator: ","))]}"#.utf8))
            }
            let answer = logs[String(parts[parts.count - 2])] ?? (200, "")
            return APIResponse(code: answer.code, body: Data(answer.text.utf8))
        }

        func lines(_ request: APIRequest, idleTimeout: Duration) async throws -> AsyncThrowingStream<
            Data, any Error
        > {
            throw APIError(.malformed, message: "logs are not watched")
        }
    }

    private func logs(_ server: PodServer, revision: Revision? = nil, lines: Int = 20) async throws
        -> [LogLine]
    {
        try await ClusterLogs(api: KubernetesAPI(transport: server)).logs(
            of: DeploymentKey(namespace: "payments", name: "fraud"), revision: revision, lines: lines)
    }

    @Test(
        "the last lines of every pod, each with its pod and revision, in the order of the pods' names")
    func lines() async throws {
        let server = PodServer(
            pods: ["bbbbbbbbbb-2", "aaaaaaaaaa-1"],
            logs: ["aaaaaaaaaa-1": (200, "loading\nready\n"), "bbbbbbbbbb-2": (200, "hello")])
        let found = try await logs(server)
        let one = Revision(rawValue: "aaaaaaaaaa")
        #expect(
            found == [
                LogLine(revision: one, instance: "aaaaaaaaaa-1", text: "loading"),
                LogLine(revision: one, instance: "aaaaaaaaaa-1", text: "ready"),
                LogLine(
                    revision: Revision(rawValue: "bbbbbbbbbb"), instance: "bbbbbbbbbb-2", text: "hello"),
            ])
        #expect(
            server.targets.dropFirst() == [
                "/api/v1/namespaces/payments/pods/aaaaaaaaaa-1/log?container=model&tailLines=20&limitBytes=1048576",
                "/api/v1/namespaces/payments/pods/bbbbbbbbbb-2/log?container=model&tailLines=20&limitBytes=1048576",
            ])
    }

    @Test("only the deployment's own pods are asked, and only one revision's if it is named")
    func selection() async throws {
        let server = PodServer(pods: [], logs: [:])
        #expect(try await logs(server, revision: Revision(rawValue: "aaaaaaaaaa")).isEmpty)
        let target = try #require(server.targets.first?.removingPercentEncoding)
        #expect(target.hasPrefix("/api/v1/namespaces/payments/pods?"))
        #expect(
            target.contains(
                "labelSelector=app.kubernetes.io/managed-by=mlctl,mlctl.dev/deployment=fraud,mlctl.dev/revision=aaaaaaaaaa"
            ))
    }

    @Test("a pod that has not started, or is gone, has no lines", arguments: [400, 404])
    func notThere(code: Int) async throws {
        let status =
            #"{"kind": "Status", "code": \#(code), "message": "container is waiting to start"}"#
        let server = PodServer(
            pods: ["aaaaaaaaaa-1", "aaaaaaaaaa-2"],
            logs: ["aaaaaaaaaa-1": (code, status), "aaaaaaaaaa-2": (200, "ready")])
        let found = try await logs(server)
        #expect(found.map(\.text) == ["ready"])
    }

    @Test("if a pod's node is unreachable one line says so, and the other pods' lines are returned")
    func nodeAway() async throws {
        let status =
            #"{"kind": "Status", "code": 502, "message": "dial tcp 10.0.0.9:10250: no route to host"}"#
        let server = PodServer(
            pods: ["aaaaaaaaaa-1", "aaaaaaaaaa-2"],
            logs: ["aaaaaaaaaa-1": (502, status), "aaaaaaaaaa-2": (200, "ready")])
        let found = try await logs(server)
        #expect(found.count == 2)
        #expect(found.first?.text.contains("no route to host") == true)
        #expect(found.last?.text == "ready")
    }

    @Test("without the right to read logs the missing right is named")
    func forbidden() async throws {
        let status =
            #"{"kind": "Status", "code": 403, "reason": "Forbidden", "message": "pods: User cannot get pods/log"}"#
        let server = PodServer(pods: ["aaaaaaaaaa-1"], logs: ["aaaaaaaaaa-1": (403, status)])
        let error = await #expect(throws: ClusterServingError.self) { try await logs(server) }
        #expect(error?.message.contains("logs of payments/fraud") == true)
        #expect(error?.message.contains("cannot get pods/log") == true)
        #expect(error?.message.contains("the chart's Role") == true)
    }

    @Test("the number of pods that are asked is bounded")
    func bounded() async throws {
        let names = (100..<100 + ClusterLogs.podsLimit + 5).map { "aaaaaaaaaa-\($0)" }
        let server = PodServer(pods: names, logs: [:])
        _ = try await logs(server)
        #expect(server.targets.count == 1 + ClusterLogs.podsLimit)
    }
}
