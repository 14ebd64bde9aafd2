import Foundation
import JSON
import Testing

@testable import ModelManifests

/// A valid manifest, and the variants that tests use.
enum Manifests {
    static let full = """
        apiVersion: mlctl.dev/v1alpha1
        kind: ModelDeployment
        metadata:
          name: fraud-scorer
          namespace: payments
          labels: {team: risk}
        spec:
          model:
            version: "2026-11-20"
            storageUri: file:models/fraud/2026-11-20
            format: sklearn
            lineage: {run: "mlflow:3f1c", data: "dvc:9a7e"}
          runtime:
            command: [server, --port, $(PORT)]
            env:
            - {name: THREADS, value: "2"}
            - name: TOKEN
              valueFrom: {secret: scorer-token}
            ports:
            - {name: http, containerPort: 8080}
            probes:
              readiness:
                httpGet: {path: /ready, port: 8080}
                periodSeconds: 0.5
                failureThreshold: 5
            warmup: {file: warmup.jsonl, path: /score, timeout: 20s}
            terminationGracePeriodSeconds: 10
          target: {kind: local}
          replicas: 2
          resources: {limits: {cpu: 1.5, memory: 4Gi, nvidia.com/gpu: 1}}
          endpoint: {port: 9000, requestTimeout: 5s}
          traffic: {sticky: {header: x-user-id}}
          rollout:
            strategy: canary
            steps:
            - setWeight: 5
            - pause: {duration: 2m}
            - setWeight: 25
              advance: evidence
            - gate: {name: no-worse-errors}
            - approval: {}
            - pause:
            - setWeight: 100
            gates:
            - name: no-worse-errors
              compare: {metric: errors, maxRelativeIncrease: 0.10, minSamples: 200}
            - name: p99
              threshold: {metric: latencyP99, max: 0.25, interval: 10s, failureLimit: 2}
            falseRollbackRate: 0.02
            missedRegressionRate: 0.1
            progressDeadline: 10m
            onInsufficient: rollback
            onFailure: pause
            probation: {duration: 1h30m, holdback: 5}
          suspend: true
        """

    /// A small manifest with the given spec.
    static func deployment(
        _ name: String = "scorer", namespace: String = "default", spec: String = "",
        runtime: String = "{command: [server]}",
        model: String = "{version: \"1\"}"
    ) -> String {
        """
        apiVersion: mlctl.dev/v1alpha1
        kind: ModelDeployment
        metadata: {name: \(name), namespace: \(namespace)}
        spec:
          model: \(model)
          runtime: \(runtime)
        \(spec.split(separator: "\n", omittingEmptySubsequences: false).map { "  \($0)" }.joined(separator: "\n"))
        """
    }

    /// A manifest for a cluster with only an image.
    static func inCluster(
        _ target: String = "{kind: kubernetes}", spec: String = "", runtime: String = "{image: server}",
        model: String = "{version: \"1\"}"
    ) -> String {
        deployment(spec: "target: \(target)\n\(spec)", runtime: runtime, model: model)
    }

    static func runtime(_ name: String, namespace: String = "default", spec: String) -> String {
        """
        apiVersion: mlctl.dev/v1alpha1
        kind: ServingRuntime
        metadata: {name: \(name), namespace: \(namespace)}
        spec: \(spec)
        """
    }

    static func gateTemplate(_ name: String, namespace: String = "default", spec: String) -> String {
        """
        apiVersion: mlctl.dev/v1alpha1
        kind: GateTemplate
        metadata: {name: \(name), namespace: \(namespace)}
        spec: \(spec)
        """
    }

    /// The desired state of one file.
    static func resolve(_ texts: String...) -> DesiredState {
        let files = texts.enumerated().map { ManifestReader.read($1, file: "\($0).yaml") }
        return DesiredState.resolve(files: files)
    }

    /// The only deployment in the texts.
    static func only(_ texts: String...) throws -> ModelDeployment {
        let files = texts.enumerated().map { ManifestReader.read($1, file: "\($0).yaml") }
        let state = DesiredState.resolve(files: files)
        try #require(state.diagnostics == [], "\(state.diagnostics.map(\.description))")
        return try #require(state.deployments.values.first)
    }

    /// A YAML mapping as JSON.
    static func json(_ yaml: String) throws -> String {
        let document = try #require(DocumentText.split(yaml).first)
        let root = try #require(DocumentComposer.compose(document).roots.first?.node)
        return CanonicalJSON.text(root.json)
    }

    /// JSON without some keys, at every depth.
    static func removing(_ keys: Set<String>, from json: Data) throws -> Data {
        // Without `JSONValue`: a `Duration` holds numbers that are too large for it.
        func removed(_ value: Any) -> Any {
            switch value {
            case let members as [String: Any]: members.filter { !keys.contains($0.key) }.mapValues(removed)
            case let items as [Any]: items.map(removed)
            default: value
            }
        }
        return try JSONSerialization.data(withJSONObject: removed(try JSONSerialization.jsonObject(with: json)))
    }

    /// The printed errors of a text, without the file's name.
    static func problems(_ text: String, named: Bool = false) -> [String] {
        let file = ManifestReader.read(text, file: "f", named: named)
        return DesiredState.resolve(files: [file]).diagnostics.map { String($0.description.dropFirst(2)) }
    }
}
