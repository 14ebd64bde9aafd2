import JSON

/// A runtime's settings for its pods. Part of the serving template: a change needs new instances.
package struct PodSettings: Hashable, Codable, Sendable {
    /// The Pod Security Standard that mlctl's pods meet.
    package enum Security: String, CaseIterable, Codable, Sendable { case restricted, baseline, privileged }

    package var serviceAccountName: String?
    /// Names of Secrets of the namespace.
    package var imagePullSecrets: [String]
    package var nodeSelector: [String: String]
    package var tolerations: [Toleration]
    package var security: Security
    /// A PodTemplateSpec that is merged over the one that mlctl writes; lists of named objects are merged by name.
    package var template: JSONValue?

    package init(
        serviceAccountName: String? = nil, imagePullSecrets: [String] = [], nodeSelector: [String: String] = [:],
        tolerations: [Toleration] = [], security: Security = .restricted, template: JSONValue? = nil
    ) {
        self.serviceAccountName = serviceAccountName
        self.imagePullSecrets = imagePullSecrets
        self.nodeSelector = nodeSelector
        self.tolerations = tolerations
        self.security = security
        self.template = template
    }
}

/// A toleration, as in Kubernetes.
package struct Toleration: Hashable, Codable, Sendable {
    package var key: String?
    /// `Equal` or `Exists`; nil means `Equal`.
    package var `operator`: String?
    package var value: String?
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`; nil means all.
    package var effect: String?
    package var tolerationSeconds: Int?

    package init(
        key: String? = nil, operator: String? = nil, value: String? = nil, effect: String? = nil,
        tolerationSeconds: Int? = nil
    ) {
        self.key = key
        self.operator = `operator`
        self.value = value
        self.effect = effect
        self.tolerationSeconds = tolerationSeconds
    }
}
