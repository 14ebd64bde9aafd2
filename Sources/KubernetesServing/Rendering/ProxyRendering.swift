import JSON
import KubernetesClient
import ModelManifests

/// Renders the proxy of one namespace. It belongs to no single deployment, and is deleted with the last route.
struct ProxyRendering: Sendable {
    static let controlPort = 9901
    static let controlPortName = "control"
    static let stateFolder = "/var/lib/mlctl"
    static let keyFolder = "/etc/mlctl/request-ids"
    private static let drainSeconds = 5
    /// How long requests and streams under way may still take. The proxy ends as soon as they have ended.
    private static let graceSeconds = ProbeRendering.seconds(Drain.defaultStreamTimeout) + 65
    static let selector = [ObjectLabels.name: ObjectNames.proxy, ObjectLabels.managedBy: ObjectLabels.manager]

    let namespace: String
    let settings: ClusterServingSettings
    /// The fingerprint of the key that signs request ids. The proxy reads it once, at the start.
    let key: String
    /// The key by which proxies recognize the controller's routes, in base64; nil if the controller seals none.
    let sealKey: String?

    var objects: [WantedObject] {
        [serviceAccount, role, roleBinding, service, workload]
            + (settings.proxyReplicas > 1 ? [disruptionBudget] : [])
            + (settings.proxyControlFrom.isEmpty ? [] : [networkPolicy])
    }

    private var serviceAccount: WantedObject {
        object(.serviceAccounts, ["automountServiceAccountToken": false])
    }

    private var role: WantedObject {
        object(
            .roles,
            [
                "rules": [
                    ["apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]],
                    [
                        "apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"],
                        "verbs": ["get", "list", "watch"],
                    ],
                ]
            ])
    }

    private var roleBinding: WantedObject {
        object(
            .roleBindings,
            [
                "roleRef": [
                    "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": .string(ObjectNames.proxy),
                ],
                "subjects": [
                    [
                        "kind": "ServiceAccount", "name": .string(ObjectNames.proxy), "namespace": .string(namespace),
                    ]
                ],
            ])
    }

    /// For scraping the proxies. Routes have Services of their own.
    private var service: WantedObject {
        object(
            .services,
            [
                "spec": [
                    "selector": .strings(Self.selector), "clusterIP": "None",
                    "ports": [
                        [
                            "name": .string(Self.controlPortName), "port": .integer(Self.controlPort),
                            "targetPort": .string(Self.controlPortName), "protocol": "TCP",
                        ]
                    ],
                ]
            ])
    }

    private var disruptionBudget: WantedObject {
        object(
            .podDisruptionBudgets,
            ["spec": RevisionRendering.budget(of: Self.selector)])
    }

    private var networkPolicy: WantedObject {
        object(
            .networkPolicies,
            ["spec": ProxyPolicyRendering.spec(controlFrom: settings.proxyControlFrom)])
    }

    private var workload: WantedObject {
        object(
            .deployments,
            [
                "spec": [
                    "replicas": .integer(settings.proxyReplicas), "revisionHistoryLimit": 2,
                    "selector": ["matchLabels": .strings(Self.selector)],
                    "strategy": ["type": "RollingUpdate", "rollingUpdate": ["maxSurge": 1, "maxUnavailable": 0]],
                    "template": [
                        "metadata": [
                            "labels": .strings(ObjectLabels.ofProxy),
                            "annotations": .strings([ObjectAnnotations.requestIdKey: key]),
                        ],
                        "spec": podSpec,
                    ],
                ]
            ])
    }

    private var podSpec: JSONValue {
        .fields([
            "serviceAccountName": .string(ObjectNames.proxy), "automountServiceAccountToken": true,
            "imagePullSecrets": .array(settings.imagePullSecrets.map { ["name": .string($0)] }),
            "securityContext": PodSecurityRendering.pod(.restricted),
            "terminationGracePeriodSeconds": .integer(Self.graceSeconds + Self.drainSeconds),
            // Spread over the nodes, if there are several.
            "topologySpreadConstraints": [
                [
                    "maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": ["matchLabels": .strings(Self.selector)],
                ]
            ],
            "containers": [container],
            // The last routes, for a container that restarts while the API server is unreachable.
            "volumes": [
                ["name": "state", "emptyDir": ["sizeLimit": "64Mi"]],
                ["name": "request-ids", "secret": ["secretName": .string(ObjectNames.proxyKey)]],
            ],
        ])
    }

    private var container: JSONValue {
        func probe(_ path: String) -> JSONValue {
            ["path": .string(path), "port": .string(Self.controlPortName), "scheme": "HTTP"]
        }
        let arguments = [
            "proxy", "--namespace", namespace, "--state-dir", Self.stateFolder, "--request-id-key",
            "\(Self.keyFolder)/\(ProxyKey.entry)",
        ]
        return [
            "name": "proxy", "image": .string(settings.image),
            "args": .array((arguments + (sealKey.map { ["--route-key", $0] } ?? [])).map(JSONValue.string)),
            "ports": [
                [
                    "name": .string(Self.controlPortName), "containerPort": .integer(Self.controlPort),
                    "protocol": "TCP",
                ]
            ],
            "readinessProbe": [
                "httpGet": probe("/readyz"), "periodSeconds": 2, "timeoutSeconds": 2, "failureThreshold": 3,
            ],
            "livenessProbe": [
                "httpGet": probe("/healthz"), "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 6,
            ],
            "resources": ["requests": ["cpu": "100m", "memory": "64Mi"], "limits": ["memory": "512Mi"]],
            "securityContext": .object([
                "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                "capabilities": ["drop": ["ALL"]],
            ]),
            "volumeMounts": [
                ["name": "state", "mountPath": .string(Self.stateFolder)],
                ["name": "request-ids", "mountPath": .string(Self.keyFolder), "readOnly": true],
            ],
            "lifecycle": ["preStop": ["sleep": ["seconds": .integer(Self.drainSeconds)]]],
        ]
    }

    private func object(_ type: ResourceType, _ content: [String: JSONValue]) -> WantedObject {
        WantedObject(
            type, namespace: namespace, name: ObjectNames.proxy, labels: ObjectLabels.ofProxy,
            content: content)
    }
}

/// The container ports of routes; each namespace's proxies have their own. The cost of a lookup does not depend on the number of
/// routes.
struct ProxyPorts: Sendable {
    private var ports: [DeploymentKey: Int] = [:]
    private var taken: [String: Set<Int>] = [:]

    subscript(_ deployment: DeploymentKey) -> Int? {
        get { ports[deployment] }
        set {
            if let before = ports[deployment] { taken[deployment.namespace]?.remove(before) }
            ports[deployment] = newValue
            if let newValue { taken[deployment.namespace, default: []].insert(newValue) }
        }
    }

    func taken(in namespace: String) -> Set<Int> { taken[namespace] ?? [] }
}
