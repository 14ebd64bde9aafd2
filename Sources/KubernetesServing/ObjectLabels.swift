import ModelManifests

/// The labels that mlctl's objects carry: what is selected by, and how people find them.
public enum ObjectLabels {
    public static let managedBy = "app.kubernetes.io/managed-by"
    public static let manager = "mlctl"
    static let name = "app.kubernetes.io/name"
    static let version = "app.kubernetes.io/version"
    static let component = "app.kubernetes.io/component"
    public static let deployment = "mlctl.dev/deployment"
    public static let revision = "mlctl.dev/revision"
    /// On ConfigMaps that a namespace's proxies follow.
    public static let route = "mlctl.dev/route"
    /// On the pods of a check's Job, with the Job's name: their only label beside the component. Services, disruption budgets
    /// and whoever counts instances select by others.
    static let check = "mlctl.dev/check"

    /// What anybody looks at in an object that is read back.
    static let read = [managedBy, component, deployment, revision, route]

    /// What an object is for.
    public enum Component: String, Sendable {
        case model, proxy, record, check
        case recordKey = "record-key"
    }

    /// Selects all that mlctl manages.
    public static let selector = "\(managedBy)=\(manager)"

    /// Of all objects of a deployment; those of one revision carry `revision` too.
    static func of(_ key: DeploymentKey, revision: Revision? = nil) -> [String: String] {
        var labels = [managedBy: manager, name: key.name, deployment: key.name]
        labels[self.revision] = revision?.rawValue
        return labels
    }

    /// Selects the Jobs of checks.
    static let checkSelector = "\(selector),\(component)=\(Component.check.rawValue)"

    /// Of the pods of a check's Job.
    static func ofCheckPods(_ job: String) -> [String: String] {
        [component: Component.check.rawValue, check: job]
    }

    /// Of a namespace's shared proxy.
    static let ofProxy = [managedBy: manager, name: ObjectNames.proxy, component: Component.proxy.rawValue]
}

/// Annotations of mlctl's objects.
public enum ObjectAnnotations {
    /// The hash of what was applied last, to see without comparing fields whether something else is wanted.
    public static let applied = "mlctl.dev/applied"
    /// The serving template of a revision, as JSON with its canonical form inside.
    public static let template = "mlctl.dev/template"
    /// The hash of the pod template that the revision began with: its pods keep it, whatever newer versions render.
    public static let podTemplate = "mlctl.dev/pod-template"
    /// On the proxies' pods: which key of request ids they have. Another one makes other pods, which read it anew.
    static let requestIdKey = "mlctl.dev/request-id-key"
    /// On the Job of a check: which gate it is of.
    static let gate = "mlctl.dev/gate"
    /// The plan but for its templates, on the object that routes.
    public static let plan = "mlctl.dev/plan"
    /// What anybody looks at in an object that is read back.
    static let read = [applied, template, podTemplate, plan]
}
