import ModelManifests

/// Security contexts according to the Pod Security Standards.
enum PodSecurityRendering {
    static func pod(_ security: PodSettings.Security) -> JSONValue? {
        switch security {
        case .restricted: ["runAsNonRoot": true, "seccompProfile": ["type": "RuntimeDefault"]]
        case .baseline: ["seccompProfile": ["type": "RuntimeDefault"]]
        case .privileged: nil
        }
    }

    static func container(_ security: PodSettings.Security) -> JSONValue? {
        switch security {
        case .restricted: ["allowPrivilegeEscalation": false, "capabilities": ["drop": ["ALL"]]]
        case .baseline, .privileged: nil
        }
    }
}
