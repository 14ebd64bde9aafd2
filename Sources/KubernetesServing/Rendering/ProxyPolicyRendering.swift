import JSON
import KubernetesClient
import ModelManifests

/// Who may reach the proxies: everybody reaches the endpoints, only the listed peers reach the control port.
///
/// Probes come from the pod's own node, which no NetworkPolicy blocks.
enum ProxyPolicyRendering {
    static func spec(controlFrom peers: [ProxyControlPeer]) -> JSONValue {
        [
            "podSelector": ["matchLabels": .strings(ProxyRendering.selector)],
            "policyTypes": ["Ingress"],
            "ingress": [
                [
                    "ports": [
                        [
                            "protocol": "TCP", "port": .integer(ProxyRouter.ports.lowerBound),
                            "endPort": .integer(ProxyRouter.ports.upperBound),
                        ]
                    ]
                ],
                [
                    "from": .array(peers.map(peer)),
                    "ports": [["protocol": "TCP", "port": .integer(ProxyRendering.controlPort)]],
                ],
            ],
        ]
    }

    /// Both selectors in one peer: pods with these labels in that namespace.
    private static func peer(_ peer: ProxyControlPeer) -> JSONValue {
        switch peer {
        case .pods(let namespace, let labels):
            .fields([
                "namespaceSelector": ["matchLabels": [namespaceLabel: .string(namespace)]],
                "podSelector": labels.isEmpty ? nil : ["matchLabels": .strings(labels)],
            ])
        case .addresses(let cidr): ["ipBlock": ["cidr": .string(cidr)]]
        }
    }

    /// Every namespace has this label, with its name.
    private static let namespaceLabel = "kubernetes.io/metadata.name"
}
