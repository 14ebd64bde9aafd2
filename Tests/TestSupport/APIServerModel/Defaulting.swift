import JSON
import ModelManifests

/// The server's defaults that a controller could mistake for an edit.
extension RegisteredType {
    func defaulted(_ object: JSONValue) -> JSONValue {
        var object = object
        switch resource {
        case .namespaces: Self.defaultNamespace(&object)
        case .deployments: object.change("spec", Self.defaultDeployment)
        case .jobs: object.change("spec", Self.defaultJob)
        case .pods: object.change("spec", Self.defaultPod)
        case .services: object.change("spec", Self.defaultService)
        case .secrets: object.fill("type", "Opaque")
        default: break
        }
        return object
    }

    var initialStatus: JSONValue? {
        switch resource {
        case .namespaces: ["phase": "Active"]
        case .pods: ["phase": "Pending"]
        case .services: ["loadBalancer": .object([:])]
        case .deployments, .jobs, .podDisruptionBudgets: .object([:])
        default: nil
        }
    }

    private static func defaultNamespace(_ object: inout JSONValue) {
        object.set(object.value(at: "metadata", "name"), at: "metadata", "labels", "kubernetes.io/metadata.name")
        if object.value(at: "metadata", "deletionTimestamp") == nil {
            object.set(["kubernetes"], at: "spec", "finalizers")
        }
    }

    private static func defaultDeployment(_ spec: inout JSONValue) {
        spec.fill("replicas", 1)
        spec.fill("revisionHistoryLimit", 10)
        spec.fill("progressDeadlineSeconds", 600)
        spec.fill("strategy", ["type": "RollingUpdate"])
        spec.change("strategy") { strategy in
            strategy.fill("type", "RollingUpdate")
            guard strategy[field: "type"] == "RollingUpdate" else { return }
            strategy.fill("rollingUpdate", .object([:]))
            strategy.change("rollingUpdate") { $0.fill("maxUnavailable", "25%") }
            strategy.change("rollingUpdate") { $0.fill("maxSurge", "25%") }
        }
        spec.change("template") { $0.change("spec", defaultPod) }
    }

    private static func defaultJob(_ spec: inout JSONValue) {
        spec.fill("completionMode", "NonIndexed")
        spec.fill("suspend", false)
        spec.fill("parallelism", 1)
        spec.fill("backoffLimit", 6)
        spec.change("template") { $0.change("spec", defaultPod) }
    }

    private static func defaultPod(_ spec: inout JSONValue) {
        spec.fill("restartPolicy", "Always")
        spec.fill("terminationGracePeriodSeconds", 30)
        spec.fill("dnsPolicy", "ClusterFirst")
        spec.fill("securityContext", .object([:]))
        spec.fill("schedulerName", "default-scheduler")
        for name in ["containers", "initContainers"] { spec.change(name) { $0.changeItems(defaultContainer) } }
    }

    private static func defaultContainer(_ container: inout JSONValue) {
        let image = container[field: "image"]?.text ?? ""
        let isLatest = !image.contains("@") && (image.hasSuffix(":latest") || !image.contains(":"))
        container.fill("imagePullPolicy", isLatest ? "Always" : "IfNotPresent")
        container.fill("terminationMessagePath", "/dev/termination-log")
        container.fill("terminationMessagePolicy", "File")
        container.fill("resources", .object([:]))
        container.change("ports") { $0.changeItems { port in port.fill("protocol", "TCP") } }
        for name in ["startupProbe", "readinessProbe", "livenessProbe"] { container.change(name, defaultProbe) }
        // A limit without a request becomes the request.
        container.change("resources") { resources in
            guard let limits = resources[field: "limits"], limits.isObject else { return }
            resources.change("requests") { requests in
                for (name, value) in limits.fields { requests.fill(name, value) }
            }
        }
    }

    private static func defaultProbe(_ probe: inout JSONValue) {
        probe.fill("timeoutSeconds", 1)
        probe.fill("periodSeconds", 10)
        probe.fill("successThreshold", 1)
        probe.fill("failureThreshold", 3)
        probe.change("httpGet") { $0.fill("path", "/") }
        probe.change("httpGet") { $0.fill("scheme", "HTTP") }
    }

    private static func defaultService(_ spec: inout JSONValue) {
        spec.fill("type", "ClusterIP")
        spec.fill("sessionAffinity", "None")
        spec.fill("internalTrafficPolicy", "Cluster")
        spec.fill("ipFamilies", ["IPv4"])
        spec.fill("ipFamilyPolicy", "SingleStack")
        spec.change("ports") { ports in
            ports.changeItems { port in
                port.fill("protocol", "TCP")
                port.fill("targetPort", port[field: "port"] ?? 0)
            }
        }
    }
}
