import Foundation
import JSON
import KubernetesClient
import ModelManifests
import Serving

/// Renders the objects of one revision: Deployment, Service and, if there is more than one pod, PodDisruptionBudget.
struct RevisionRendering: Sendable {
    let plan: ServingPlan
    let wanted: RevisionPlan
    let settings: ClusterServingSettings
    /// The plan's replicas after the router has adjusted them.
    let replicas: Int
    /// Whether `replicas` is only the initial number.
    var isScaledByOthers = false

    private var deployment: DeploymentKey { plan.deployment }
    private var name: String { ObjectNames.revision(deployment, wanted.revision) }
    private var selector: [String: String] {
        [ObjectLabels.deployment: deployment.name, ObjectLabels.revision: wanted.revision.rawValue]
    }

    /// - Throws: `ClusterServingError`, terminal: the template cannot be served in a cluster.
    func objects() throws -> [WantedObject] {
        let pods = PodRendering(
            deployment: deployment, revision: wanted.revision, template: wanted.template, settings: settings,
            recordings: plan.endpoint.generate?.requests, drain: plan.endpoint)
        var objects = [service(), workload(try pods.podTemplate(), labels: pods.labels)]
        if replicas > 1 || isScaledByOthers { objects.append(disruptionBudget()) }
        return objects
    }

    private func workload(_ podTemplate: JSONValue, labels: [String: String]) -> WantedObject {
        object(
            .deployments, labels: labels,
            annotations: [
                ObjectAnnotations.template: Self.text(of: wanted.template),
                ObjectAnnotations.podTemplate: ObjectHash.value(podTemplate),
            ],
            spec: .fields([
                "replicas": isScaledByOthers ? nil : .integer(replicas), "revisionHistoryLimit": 1,
                "selector": ["matchLabels": .strings(selector)],
                // The pods of a revision never change, but a manual edit is reverted without a gap.
                "strategy": ["type": "RollingUpdate", "rollingUpdate": ["maxSurge": 1, "maxUnavailable": 0]],
                "template": podTemplate,
            ]))
    }

    private func service() -> WantedObject {
        let ports = ServerPorts(wanted.template.runtime)
        return object(
            .services, labels: ObjectLabels.of(deployment, revision: wanted.revision),
            spec: [
                "selector": .strings(selector),
                "ports": [ServiceRendering.port(plan.endpoint, to: .string(ServerPorts.portName(ports.serving.name)))],
            ])
    }

    private func disruptionBudget() -> WantedObject {
        object(
            .podDisruptionBudgets, labels: ObjectLabels.of(deployment, revision: wanted.revision),
            spec: Self.budget(of: selector))
    }

    /// One pod at a time. Pods that never became ready may be evicted at any time: they are no capacity, and a node drain would
    /// wait for them for ever.
    static func budget(of selector: [String: String]) -> JSONValue {
        [
            "maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": ["matchLabels": .strings(selector)],
        ]
    }

    private func object(
        _ type: ResourceType, labels: [String: String], annotations: [String: String] = [:], spec: JSONValue
    ) -> WantedObject {
        WantedObject(
            type, namespace: deployment.namespace, name: name, labels: labels, annotations: annotations,
            initialReplicas: type == .deployments && isScaledByOthers ? replicas : nil, content: ["spec": spec])
    }

    /// With sorted keys, so that the same template gives the same text.
    static func text(of template: ServingTemplate) -> String { AnnotationJSON.text(template) }
}

enum ServiceRendering {
    static let defaultPort = 80

    static func portNumber(_ endpoint: Endpoint) -> Int { endpoint.port ?? defaultPort }

    /// The address for pods of the cluster.
    static func address(of name: String, in namespace: String, _ endpoint: Endpoint) -> String {
        let port = portNumber(endpoint)
        return "http://\(name).\(namespace).svc" + (port == defaultPort ? "" : ":\(port)")
    }

    /// - Parameter target: a container port's name or number.
    static func port(_ endpoint: Endpoint, to target: JSONValue) -> JSONValue {
        ["name": "http", "port": .integer(portNumber(endpoint)), "targetPort": target, "protocol": "TCP"]
    }
}

/// Values in annotations: JSON with sorted keys.
enum AnnotationJSON {
    static func text(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // These types hold nothing that JSON cannot express. An empty text would be read back as nil.
        return (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    static func value<Value: Decodable>(_ type: Value.Type, _ text: String?) -> Value? {
        text.flatMap { try? JSONDecoder().decode(type, from: Data($0.utf8)) }
    }
}
