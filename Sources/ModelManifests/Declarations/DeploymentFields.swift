/// `spec` of a ModelDeployment as written.
struct WrittenDeployment: Sendable {
    var model = WrittenModel()
    var runtime = Runtime(command: [])
    var target = Target.local
    var replicas = WrittenReplicas()
    var resources = Resources()
    var endpoint = Endpoint()
    var drain = Drain()
    var traffic = WrittenTraffic()
    var rollout = WrittenRollout()
    var dependsOn: [WrittenDependency] = []
    var suspend = false
}

/// One entry of `dependsOn`.
struct WrittenDependency: Sendable {
    var name = ""
    /// Nil means the deployment's own namespace.
    var namespace: String?
}

/// The fields of a ModelDeployment's `spec`.
enum DeploymentFields {
    static let spec = Shape<WrittenDeployment>.object(
        WrittenDeployment(),
        fields: [
            Field("model", ModelFields.shape, "The model that is served.", isRequired: true) { $0.model = $1 },
            Field(
                "runtime", RuntimeFields.deployment, "How the model is served: {name: …}, or the runtime's own fields.",
                isRequired: true
            ) {
                $0.runtime = $1
            },
            Field("target", TargetFields.shape, "Where the model is served. Default: local.") { $0.target = $1 },
            Field(
                "replicas", ReplicasFields.shape,
                "The number of instances. In a cluster also 'external': an autoscaler or a person sets it. Default: 1."
            ) { $0.replicas = $1 },
            Field("resources", ResourceFields.shape, "The resources of an instance.") { $0.resources = $1 },
            Field("endpoint", EndpointFields.endpoint, "Where the service answers.") { $0.endpoint = $1 },
            Field(
                "drain", EndpointFields.drain,
                "How long running requests may continue when their instance or revision stops."
            ) {
                $0.drain = $1
            },
            Field(
                "traffic", TrafficFields.shape, "Which revision answers which requests, and which values are observed."
            ) {
                $0.traffic = $1
            },
            Field("rollout", RolloutFields.shape, "How a new revision takes over.") { $0.rollout = $1 },
            Field("dependsOn", dependsOn, "Deployments that must be rolled out first.") { $0.dependsOn = $1 },
            Field("suspend", .boolean, "Keeps everything as it is, whatever git says. Default: false.") {
                $0.suspend = $1
            },
        ],
        check: { deployment, node, reading in
            StrategyRules.check(deployment, node, &reading)
            RouterRules.check(deployment, node, &reading)
            EndpointTLSFields.checkTarget(deployment, node, &reading)
            ReplicasFields.check(deployment, node, &reading)
            checkFiles(of: deployment, node, &reading)
        }
    ).checkedByServer(DeploymentServerRules.spec)

    /// Checks that the model's files can be fetched at its target.
    private static func checkFiles(
        of deployment: WrittenDeployment, _ node: SourceNode, _ reading: inout DocumentReading
    ) {
        guard let uri = deployment.model.source.storageURI, let place = node["model"]?["storageUri"]?.place,
            let problem = StorageURI.problem(uri, at: deployment.target)
        else { return }
        reading.report(
            problem.message, within: [.field("model"), .field("storageUri")], at: place,
            suggestion: problem.suggestion)
    }

    private static let dependsOn = Shape<[WrittenDependency]>.list(
        .object(
            WrittenDependency(),
            fields: [
                Field("name", .dnsLabel, "Its name.", isRequired: true) { $0.name = $1 },
                Field("namespace", .dnsLabel, "Its namespace. Default: the deployment's own.") { $0.namespace = $1 },
            ]), count: 0...100)
}
