import ModelManifests

/// The labels that mlctl's objects carry: what is selected by, and how people find them.
enum ObjectLabels {
    static let managedBy = "app.kubernetes.io/managed-by"
    static let name = "app.kubernetes.io/name"
    static let version = "app.kubernetes.io/version"
    static let component = "app.kubernetes.io/component"
    static let deployment = "mlctl.dev/deployment"
    static let revision = "mlctl.dev/revision"

    /// Of all objects of a deployment; those of one revision carry `revision` too.
    static func of(_ key: DeploymentKey, revision: Revision? = nil) -> [String: String] {
        var labels = [managedBy: "mlctl", name: key.name, deployment: key.name]
        labels[self.revision] = revision?.rawValue
        return labels
    }
}
