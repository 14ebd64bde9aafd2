import Foundation
import JSON
import KubernetesClient
import ModelManifests
import Presentation

/// Checks manifests with an API server by dry runs, which change nothing. They include admission, quota, policies and webhooks,
/// as far as these support dry runs.
struct ServerValidation: Sendable {
    /// The limit for one request; requests are not repeated.
    static let questionTimeout = Duration.seconds(10)
    /// The limit for all requests together.
    static let totalTimeout = Duration.seconds(120)
    static let questionsAtOnce = 8

    let api: KubernetesAPI

    /// - Parameter places: the file and place of a deployment's field.
    /// - Returns: the refusals, in order.
    /// - Throws: `CommandFailure` where the server cannot be asked, or has no definition of ModelDeployments.
    func diagnostics(
        of deployments: [ModelDeployment],
        places: @escaping @Sendable (DeploymentKey, String) -> (file: String, place: ManifestPlace?)
    ) async throws -> [Diagnostic] {
        let asked = deployments.filter { $0.target != .local }.sorted { $0.key < $1.key }
        let start = api.stopwatch.elapsed()
        return try await withThrowingTaskGroup(of: [Diagnostic].self) { group in
            var rest = asked[...]
            func askNext() {
                guard let next = rest.popFirst() else { return }
                group.addTask { try await refusals(of: next, places: places) }
            }
            for _ in 0..<Self.questionsAtOnce { askNext() }
            var found: [Diagnostic] = []
            while let refusals = try await group.next() {
                guard rest.isEmpty || api.stopwatch.elapsed() - start < Self.totalTimeout else {
                    throw CommandFailure(
                        .timedOut,
                        "the API server took longer than \(Self.totalTimeout.goText); \(rest.count) of \(asked.count) deployments "
                            + "were not checked. Give fewer files")
                }
                found += refusals
                askNext()
            }
            return found.sorted()
        }
    }

    static func request(_ deployment: ModelDeployment) throws -> APIRequest {
        let type = ResourceType.modelDeployments
        let spec = try JSONValue(parsing: Data((deployment.written ?? "{}").utf8))
        let object: JSONValue = [
            "apiVersion": .string(type.apiVersion), "kind": .string(type.kind),
            "metadata": [
                "name": .string(deployment.key.name), "namespace": .string(deployment.key.namespace),
                "labels": .object(deployment.labels.mapValues { .string($0) }),
            ],
            "spec": spec,
        ]
        var request = APIRequest.apply(
            type, NamespacedName(namespace: deployment.key.namespace, name: deployment.key.name),
            body: Data(CanonicalJSON.text(object).utf8), fieldManager: "mlctl-validate", force: true, isDryRun: true)
        request.query.append(APIRequest.Parameter("fieldValidation", "Strict"))
        return request
    }

    private func refusals(
        of deployment: ModelDeployment,
        places: @Sendable (DeploymentKey, String) -> (file: String, place: ManifestPlace?)
    ) async throws -> [Diagnostic] {
        do {
            _ = try await api.once(within: Self.questionTimeout).answer(to: Self.request(deployment))
            return []
        } catch let error as APIError {
            return try Self.findings(error, namespace: deployment.key.namespace).map { finding in
                let (file, place) = places(deployment.key, finding.field)
                return Diagnostic(
                    file: file, line: place?.line ?? 0, column: place?.column ?? 0, path: finding.field,
                    message: "the API server refuses this: \(finding.message)", suggestion: finding.suggestion,
                    deployment: deployment.key)
            }
        }
    }

    struct Finding: Hashable {
        var field: String
        var message: String
        var suggestion: String?
    }

    /// The parts of an error that are about the manifest.
    /// - Throws: `CommandFailure` for other errors.
    static func findings(_ error: APIError, namespace: String) throws -> [Finding] {
        switch error.reason {
        case .transport, .credentials, .malformed:
            throw CommandFailure(.unreachable, "the API server cannot be reached: \(error.message)")
        case .status(401, _):
            throw CommandFailure(.unreachable, "the API server does not accept the credentials: \(error.message)")
        case .status(403, _) where error.message.contains("User ") && error.message.contains("cannot "):
            throw CommandFailure(
                .failed, "the credentials lack the right to patch, which a dry run needs: \(error.message)")
        case .status where error.isMissingResource:
            throw CommandFailure(
                .failed,
                "the API server has no definition of ModelDeployments. Install it: mlctl schema --crd | kubectl apply "
                    + "--server-side -f -")
        case .status(404, _):
            return [
                Finding(
                    field: "metadata.namespace", message: error.message,
                    suggestion: "create the namespace '\(namespace)', or use a cluster that has it (--context)")
            ]
        case .status(let code, _) where code == 408 || code == 429 || (code >= 500 && !isAboutManifest(error)):
            throw CommandFailure(.unreachable, "the API server cannot answer at the moment: \(error.message)")
        case .status:
            let causes = error.causes.compactMap { cause in
                cause.message.map { Finding(field: field(of: cause), message: $0, suggestion: nil) }
            }
            return causes.isEmpty ? [Finding(field: "", message: error.message, suggestion: nil)] : causes
        }
    }

    /// Server-side apply answers 500 for fields that its schema does not declare.
    private static func isAboutManifest(_ error: APIError) -> Bool {
        error.message.contains("field not declared in schema") || error.message.contains("failed to create typed patch")
    }

    /// Go writes an empty path as `<nil>` or `[]`.
    private static func field(of cause: APIError.Cause) -> String {
        guard let field = cause.field, !["<nil>", "[]"].contains(field) else { return "" }
        return field
    }
}
