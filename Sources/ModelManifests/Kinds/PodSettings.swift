import JSON

/// A runtime's settings for its pods. Part of the serving template: a change needs new instances.
public struct PodSettings: Hashable, Codable, Sendable {
    /// The Pod Security Standard that mlctl's pods meet.
    public enum Security: String, CaseIterable, Codable, Sendable { case restricted, baseline, privileged }

    public var serviceAccountName: String?
    /// Names of Secrets of the namespace.
    public var imagePullSecrets: [String]
    public var nodeSelector: [String: String]
    public var tolerations: [Toleration]
    public var security: Security
    /// A PodTemplateSpec that is merged over the one that mlctl writes; lists of named objects are merged by name.
    public var template: JSONValue?

    public init(
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
public struct Toleration: Hashable, Codable, Sendable {
    public var key: String?
    /// `Equal` or `Exists`; nil means `Equal`.
    public var `operator`: String?
    public var value: String?
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`; nil means all.
    public var effect: String?
    public var tolerationSeconds: Int?

    public init(
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
