import Foundation
import JSON
import KubernetesClient
import ModelManifests
import Testing

@testable import Commands

/// A simulated API server whose answer depends on the object's name.
private struct ScriptedServer: KubernetesTransport {
    var answers: [String: APIResponse] = [:]
    var failure: APIError?
    let seen = Seen()

    actor Seen {
        var requests: [APIRequest] = []
        func add(_ request: APIRequest) { requests.append(request) }
    }

    func send(_ request: APIRequest, timeout: Duration) async throws -> APIResponse {
        await seen.add(request)
        if let failure { throw failure }
        let name = request.path.split(separator: "/").last.map(String.init) ?? ""
        return answers[name] ?? APIResponse(code: 200, body: Data("{}".utf8))
    }

    func lines(_ request: APIRequest, idleTimeout: Duration) async throws -> AsyncThrowingStream<Data, any Error> {
        AsyncThrowingStream { $0.finish() }
    }
}

@Suite("Validation by an API server")
struct ServerValidationTests {
    private static let text = """
        apiVersion: mlctl.dev/v1alpha1
        kind: ModelDeployment
        metadata: {name: local-one}
        spec:
          model: {version: "1"}
          runtime: {command: [server]}
        ---
        apiVersion: mlctl.dev/v1alpha1
        kind: ModelDeployment
        metadata:
          name: scorer
          namespace: payments
          labels: {team: risk}
        spec:
          model: {version: 1.10}
          runtime: {image: server}
          target: {kind: kubernetes}
          rollout:
            steps:
            - setWeight: 5
            - setWeight: 100
        """

    private func diagnostics(_ server: ScriptedServer) async throws -> [Diagnostic] {
        let state = DesiredState.resolve(files: [ManifestReader.read(Self.text, file: "f.yaml")])
        try #require(state.diagnostics == [])
        let validation = ServerValidation(api: KubernetesAPI(transport: server))
        return try await validation.diagnostics(of: Array(state.deployments.values)) { key, field in
            ("f.yaml", ManifestPlace.find(field, of: key, in: Array(Self.text.utf8)))
        }
    }

    private func refusal(_ code: Int, _ message: String, causes: [(field: String, message: String)] = []) -> APIResponse
    {
        let status: JSONValue = [
            "kind": "Status", "code": .integer(code), "reason": "Invalid", "message": .string(message),
            "details": [
                "causes": .array(causes.map { ["field": .string($0.field), "message": .string($0.message)] })
            ],
        ]
        return APIResponse(code: code, body: Data(CanonicalJSON.text(status).utf8))
    }

    @Test("deployments to clusters are sent as a strict dry run, as mlctl would write them")
    func request() async throws {
        let server = ScriptedServer()
        #expect(try await diagnostics(server) == [])
        let requests = await server.seen.requests
        #expect(requests.count == 1)
        let request = try #require(requests.first)
        #expect(
            request.target
                == "/apis/mlctl.dev/v1alpha1/namespaces/payments/modeldeployments/scorer?fieldManager=mlctl-validate&force=true"
                + "&dryRun=All&fieldValidation=Strict")
        let body = String(decoding: request.body ?? Data(), as: UTF8.self)
        #expect(body.contains(#""labels":{"team":"risk"}"#))
        #expect(body.contains(#""model":{"version":"1.10"}"#))
    }

    @Test("each cause has its place in the file")
    func places() async throws {
        let answer = refusal(
            422, "is invalid",
            causes: [
                ("spec.rollout.steps[1].setWeight", "should be less"), ("metadata.labels", "a valid label must"),
                ("spec.drain.timeout", "is required"), ("<nil>", "some rule"),
            ])
        let found = try await diagnostics(ScriptedServer(answers: ["scorer": answer]))
        #expect(
            found.map(\.description) == [
                "f.yaml:8:1: the API server refuses this: some rule",
                "f.yaml:13:11: metadata.labels: the API server refuses this: a valid label must",
                "f.yaml:15:3: spec.drain.timeout: the API server refuses this: is required",
                "f.yaml:21:18: spec.rollout.steps[1].setWeight: the API server refuses this: should be less",
            ])
        #expect(found.allSatisfy { $0.deployment == DeploymentKey(namespace: "payments", name: "scorer") })
    }

    @Test("refusals by policies, webhooks and quotas keep their message, and a missing namespace is reported")
    func words() async throws {
        let denied = refusal(403, "admission webhook \"policy.example.com\" denied the request: no team")
        #expect(
            try await diagnostics(ScriptedServer(answers: ["scorer": denied])).first?.message.hasPrefix(
                "the API server refuses this: admission webhook \"policy.example.com\" denied the request: no team")
                == true)
        let missing = refusal(404, "namespaces \"payments\" not found")
        let found = try await diagnostics(ScriptedServer(answers: ["scorer": missing]))
        #expect(found.first?.path == "metadata.namespace")
        #expect(found.first?.line == 12)
        #expect(found.first?.suggestion?.contains("create the namespace 'payments'") == true)
        let undeclared = refusal(500, "failed to create typed patch object: .spec.drain: field not declared in schema")
        #expect(try await diagnostics(ScriptedServer(answers: ["scorer": undeclared])).count == 1)
    }

    @Test("a server that cannot be reached is not an error in the manifest")
    func away() async throws {
        func exit(_ server: ScriptedServer) async -> CommandExit? {
            do {
                _ = try await diagnostics(server)
                return nil
            } catch let failure as CommandFailure {
                return failure.exit
            } catch {
                return nil
            }
        }
        #expect(await exit(ScriptedServer(failure: APIError(.transport, message: "refused"))) == .unreachable)
        #expect(await exit(ScriptedServer(answers: ["scorer": refusal(401, "Unauthorized")])) == .unreachable)
        #expect(await exit(ScriptedServer(answers: ["scorer": refusal(503, "unavailable")])) == .unreachable)
        let unknown = APIResponse(code: 404, body: Data("404 page not found".utf8))
        #expect(await exit(ScriptedServer(answers: ["scorer": unknown])) == .failed)
    }
}
