import ModelManifests

/// The labels of mlctl's objects: mlctl selects by them, and people find objects by them.
package enum ObjectLabels {
    package static let managedBy = "app.kubernetes.io/managed-by"
    package static let manager = "mlctl"
    static let name = "app.kubernetes.io/name"
    static let version = "app.kubernetes.io/version"
    static let component = "app.kubernetes.io/component"
    package static let deployment = "mlctl.dev/deployment"
    package static let revision = "mlctl.dev/revision"
    /// On ConfigMaps that a namespace's proxies follow.
    package static let route = "mlctl.dev/route"
    /// On the pods of a check's Job, with the Job's name. They have only this label and the component: Services, disruption
    /// budgets and everything that counts instances select by other labels.
    static let check = "mlctl.dev/check"

    /// The labels that are read from objects of the API server.
    static let read = [managedBy, component, deployment, revision, route]

    /// The purpose of an object.
    package enum Component: String, Sendable {
        case model, proxy, record, check
        case recordKey = "record-key"
    }

    /// Selects everything that mlctl manages.
    package static let selector = "\(managedBy)=\(manager)"

    /// The labels of all objects of a deployment; those of one revision also have `revision`.
    static func of(_ key: DeploymentKey, revision: Revision? = nil) -> [String: String] {
        var labels = [managedBy: manager, name: key.name, deployment: key.name]
        labels[self.revision] = revision?.rawValue
        return labels
    }

    /// Selects the Jobs of checks.
    static let checkSelector = "\(selector),\(component)=\(Component.check.rawValue)"

    /// The labels of the pods of a check's Job.
    static func ofCheckPods(_ job: String) -> [String: String] {
        [component: Component.check.rawValue, check: job]
    }

    /// The labels of a namespace's shared proxy.
    static let ofProxy = [managedBy: manager, name: ObjectNames.proxy, component: Component.proxy.rawValue]
}

/// Annotations of mlctl's objects.
package enum ObjectAnnotations {
    /// The hash of what was applied last: it shows without comparing fields whether something else is wanted.
    package static let applied = "mlctl.dev/applied"
    /// The serving template of a revision, as JSON with its canonical form inside.
    package static let template = "mlctl.dev/template"
    /// The hash of the revision's first pod template. The pods keep that template, whatever newer versions render.
    package static let podTemplate = "mlctl.dev/pod-template"
    /// On the proxies' pods: the key of request ids that they use. Another key creates new pods, which read it.
    static let requestIdKey = "mlctl.dev/request-id-key"
    /// On the Job of a check: the gate that it belongs to.
    static let gate = "mlctl.dev/gate"
    /// The plan without its templates, on the object that routes.
    package static let plan = "mlctl.dev/plan"
    /// The annotations that are read from objects of the API server.
    static let read = [applied, template, podTemplate, plan]
}
