import JSON

/// What a runtime asks of the pods that it runs in. Part of the serving template: a change needs new instances.
public struct PodSettings: Hashable, Codable, Sendable {
    /// The Pod Security Standard that mlctl writes its pods by.
    public enum Security: String, CaseIterable, Codable, Sendable { case restricted, baseline, privileged }

    public var serviceAccountName: String?
    /// Names of secrets of the namespace.
    public var imagePullSecrets: [String]
    public var nodeSelector: [String: String]
    public var tolerations: [Toleration]
    public var security: Security
    /// A PodTemplateSpec laid over the one that mlctl writes; lists of named objects are merged by name.
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

/// As Kubernetes has it.
public struct Toleration: Hashable, Codable, Sendable {
    public var key: String?
    /// `Equal` or `Exists`; nil: `Equal`.
    public var `operator`: String?
    public var value: String?
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`; nil: all.
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
