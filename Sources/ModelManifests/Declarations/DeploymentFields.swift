/// `spec` of a ModelDeployment as written.
struct WrittenDeployment: Sendable {
    var model = WrittenModel()
    var runtime = Runtime(command: [])
    var target = Target.local
    var replicas = 1
    var resources = Resources()
    var endpoint = Endpoint()
    var routing = Routing.random
    var rollout = WrittenRollout()
    var suspend = false
}

/// How `spec` of a ModelDeployment is written.
enum DeploymentFields {
    static let spec = Shape<WrittenDeployment>.object(
        WrittenDeployment(),
        fields: [
            Field("model", ModelFields.shape, "What is served.", isRequired: true) { $0.model = $1 },
            Field("runtime", RuntimeFields.deployment, "How it is served: {name: …} or inline.", isRequired: true) {
                $0.runtime = $1
            },
            Field("target", EndpointFields.target, "Where it is served; local.") { $0.target = $1 },
            Field("replicas", .wholeNumber(1...1000), "How many instances are wanted; 1.") { $0.replicas = $1 },
            Field("resources", ResourceFields.shape, "What an instance may use.") { $0.resources = $1 },
            Field("endpoint", EndpointFields.endpoint, "Where the service answers.") { $0.endpoint = $1 },
            Field("traffic", EndpointFields.traffic, "Which revision answers whom.") { $0.routing = $1 },
            Field("rollout", RolloutFields.shape, "How a new revision takes over.") { $0.rollout = $1 },
            Field("dependsOn", dependsOn, "Deployments that come first. Not available in this version.") { _, _ in },
            Field("suspend", .boolean, "Keeps everything as it is, whatever git says; false.") { $0.suspend = $1 },
            .unavailable("observe", "leave it out"),
        ])

    /// Its form is checked already, so that manifests need no change when it comes.
    private static let dependsOn = Shape<[DeploymentKey]>.list(
        .object(
            DeploymentKey(name: ""),
            fields: [
                Field("name", .dnsLabel, "Its name.", isRequired: true) { $0.name = $1 },
                Field("namespace", .dnsLabel, "Its namespace; the deployment's own.") { $0.namespace = $1 },
            ]), count: 0...100
    ).map { dependencies, node, reading in
        if !dependencies.isEmpty {
            reading.report("dependsOn is not available in this version; leave it out", at: node.place)
        }
        return dependencies
    }
}
