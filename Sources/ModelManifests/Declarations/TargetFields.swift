/// The fields of `spec.target`.
enum TargetFields {
    static let shape = Shape<WrittenTarget>.object(
        WrittenTarget(),
        fields: [
            Field("kind", .choice(of: "target"), "local: this machine; kubernetes: a cluster.", isRequired: true) {
                $0.kind = $1
            },
            Field(
                "cluster", .dnsLabel,
                "A cluster of the controller's settings. Default: the cluster that the controller runs in."
            ) {
                $0.kubernetes.cluster = $1
            },
            Field(
                "router", .choice(of: "router"),
                "What splits the traffic. proxy: mlctl's proxy; gatewayAPI: an HTTPRoute; replicaRatio: the numbers of pods."
            ) { $0.kubernetes.router = $1 },
            Field("gateways", gateways, "gatewayAPI: the Gateways of the route.") {
                $0.kubernetes.gateways = $1
            },
            Field("parentRefs", gateways, "The same, with the name that HTTPRoute uses.") {
                $0.kubernetes.gateways = $1
            },
            Field(
                "hostnames", .list(.hostname, count: 0...16),
                "gatewayAPI: the host names of the route. Default: all of the Gateway's."
            ) { $0.kubernetes.hostnames = $1 },
            Field(
                "drift", DriftFields.shape,
                "What mlctl does with fields that others add to its objects: undo, report or ignore; or {ignore: [paths]}."
            ) { $0.kubernetes.drift = $1 },
        ],
        rules: [.atMostOne(["gateways", "parentRefs"])], check: check
    ).checkedByServer(DeploymentServerRules.target).map { written, _, _ in written.target }

    private static let gateways = Shape<[GatewayReference]>.list(
        .object(
            GatewayReference(name: ""),
            fields: [
                Field("group", .choice(of: "group", available: ["gateway.networking.k8s.io"], later: []), "Its group.")
                {
                    _, _ in
                },
                Field("kind", .choice(of: "kind", available: ["Gateway"], later: []), "Its kind.") { _, _ in },
                Field("name", .dnsSubdomain, "Its name.", isRequired: true) { $0.name = $1 },
                Field("namespace", .dnsLabel, "Its namespace. Default: the deployment's own.") { $0.namespace = $1 },
                Field("sectionName", .dnsSubdomain, "One of its listeners. Default: all.") { $0.sectionName = $1 },
                .unavailable("port", "name the listener by sectionName"),
            ]), count: 0...32)

    @Sendable private static func check(
        _ target: inout WrittenTarget, _ node: SourceNode, _ reading: inout DocumentReading
    ) {
        // With a misspelt kind it is unclear which one was meant; that is reported there.
        guard let kind = target.kind else { return }
        func refuse(_ fields: [String], unless holder: String) {
            for field in fields where node[field].map({ !$0.isNull }) ?? false {
                reading.report(
                    "can only be used with \(holder)", field: field, of: node,
                    suggestion: "leave it out, or write \(holder)")
            }
        }
        let ofGateways = ["gateways", "parentRefs", "hostnames"]
        switch (kind, target.kubernetes.router) {
        case (.local, _): refuse(["cluster", "router", "drift"] + ofGateways, unless: "kind: kubernetes")
        case (.kubernetes, .gatewayAPI):
            guard target.kubernetes.gateways.isEmpty, ofGateways.prefix(2).allSatisfy({ hasNone(node[$0]) }) else {
                return
            }
            reading.report(
                "is missing", field: "gateways", of: node,
                suggestion: "give the Gateway of the route: gateways: [{name: …}]")
        case (.kubernetes, .proxy), (.kubernetes, .replicaRatio):
            // A misspelt router is reported already.
            guard node["router"].map({ KubernetesTarget.Router(rawValue: $0.text ?? "") != nil }) ?? true else {
                return
            }
            refuse(ofGateways, unless: "router: gatewayAPI")
        }
    }

    /// A list that could not be read does not count as missing.
    private static func hasNone(_ list: SourceNode?) -> Bool {
        guard case .sequence(let items)? = list?.content else { return list?.isNull ?? true }
        return items.isEmpty
    }
}

/// `spec.target` as written.
struct WrittenTarget: Sendable {
    enum Kind: String, CaseIterable, Sendable { case local, kubernetes }

    /// Nil where it could not be read.
    var kind: Kind?
    var kubernetes = KubernetesTarget()

    var target: Target { kind == .kubernetes ? .kubernetes(kubernetes) : .local }
}
