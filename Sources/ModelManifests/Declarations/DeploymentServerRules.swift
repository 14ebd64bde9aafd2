/// Rules that relate several fields of a deployment, for the API server.
enum DeploymentServerRules {
    /// In these rules `self` is `spec`.
    static let spec: [ServerRule] =
        [
            ServerRule(
                "!has(self.replicas) || self.replicas != 'external' || \(isInCluster)",
                "replicas: external can only be used in a cluster"),
            ServerRule(
                "!has(self.model.storageUri) || !\(isInCluster) || !self.model.storageUri.matches('^(file:|fetch[+])')",
                "file: and fetch+NAME: are for the controller's machine, which pods cannot read"),
            ServerRule(
                "!has(self.model.storageUri) || \(isInCluster) || "
                    + "self.model.storageUri.matches('^(\(StorageURI.local.joined(separator: "|"))|\(StorageURI.fetcherPattern)):')",
                "on one machine, models can be fetched from "
                    + StorageURI.local.map { "\($0):" }.joined(separator: ", ")),
            ServerRule(
                "has(self.runtime.name) || (\(isInCluster) ? has(self.runtime.image) : has(self.runtime.command))",
                "runtime needs an image in a cluster, a command on one machine, or the name of a ServingRuntime"),
            ServerRule(
                "!\(isInCluster) || !has(self.runtime.ports) || self.runtime.ports.all(p, !has(p.name) || (size(p.name) <= 15 && "
                    + "p.name.matches('[a-z]') && !p.name.contains('--')))",
                "a port's name has at most 15 characters, a letter among them, and no two '-' in a row"),
            ServerRule(
                "!\(isInCluster) || !has(self.runtime.ports) || self.runtime.ports.filter(p, has(p.containerPort)).all(p, "
                    + "self.runtime.ports.exists_one(q, has(q.containerPort) && q.containerPort == p.containerPort))",
                "two ports have the same containerPort"),
            ServerRule(
                "!\(isInCluster) || !has(self.runtime.env) || self.runtime.env.all(v, !has(v.valueFrom) || "
                    + "v.valueFrom.secret.matches(r'\(NameRules.dnsSubdomainPattern)'))",
                "valueFrom.secret must be the name of a Secret: lower-case letters, digits, '-' and '.'"),
            ServerRule(
                "!\(isInCluster) || !has(self.endpoint) || (!has(self.endpoint.address) && !has(self.endpoint.tls))",
                "endpoint.address and endpoint.tls are for one machine; in a cluster, use a Gateway"),
            ServerRule(
                "!\(isInCluster) || !has(self.runtime.ports) || self.runtime.ports.all(p, !has(p.protocol) || p.protocol == 'http')",
                "protocol: h2c is for one machine; the proxies of a cluster speak HTTP/1.1 to pods"),
            ServerRule(
                "!(has(self.rollout) && has(self.rollout.strategy) && self.rollout.strategy == 'ab') || (has(self.traffic) && "
                    + "(has(self.traffic.sticky) || has(self.traffic.match)))",
                "strategy: ab must tell users apart: add traffic.sticky or traffic.match"),
        ] + routers

    private static let isInCluster = "(has(self.target) && self.target.kind == 'kubernetes')"
    private static let isOtherRouter = "(\(isInCluster) && has(self.target.router) && self.target.router != 'proxy')"
    private static let isReplicaRatio =
        "(\(isInCluster) && has(self.target.router) && self.target.router == 'replicaRatio')"
    private static let strategy = "(has(self.rollout) && has(self.rollout.strategy) ? self.rollout.strategy : 'canary')"

    private static let routers = [
        ServerRule(
            "!\(isOtherRouter) || !has(self.traffic) || (!has(self.traffic.sticky) && "
                + "!has(self.traffic.generate))",
            "sticky and generate need router: proxy"),
        ServerRule(
            "!\(isOtherRouter) || !has(self.traffic) || !has(self.traffic.match) || (!\(isReplicaRatio) && "
                + "!has(self.traffic.match.cookie))",
            "matching a cookie needs router: proxy; matching a header needs router: proxy or gatewayAPI"),
        ServerRule(
            "!\(isOtherRouter) || !has(self.endpoint) || (!has(self.endpoint.maxConcurrency) && "
                + "!has(self.endpoint.idempotent))",
            "maxConcurrency and idempotent need router: proxy"),
        ServerRule("!\(isOtherRouter) || \(strategy) != 'ab'", "strategy: ab needs router: proxy"),
        ServerRule(
            "!\(isOtherRouter) || !has(self.rollout) || !has(self.rollout.slices) || size(self.rollout.slices) == 0",
            "rollout.slices needs router: proxy"),
        ServerRule(
            "!\(isReplicaRatio) || (\(strategy) != 'shadow' && (!has(self.rollout) || !has(self.rollout.steps) || "
                + "!self.rollout.steps.exists(s, has(s.mirror))))",
            "router: replicaRatio cannot copy requests"),
        ServerRule(
            "!\(isOtherRouter) || \(strategy) in ['ab', 'blueGreen', 'recreate'] || (has(self.rollout) && "
                + "has(self.rollout.gates))",
            "the default gates need router: proxy; with other routers, write your own gates"),
    ]

    /// In these rules `self` is `spec.target`.
    static let target = [
        ServerRule(
            "self.kind == 'kubernetes' || (!has(self.cluster) && !has(self.router) && !has(self.gateways) && "
                + "!has(self.parentRefs) && !has(self.hostnames))",
            "cluster, router, gateways, parentRefs and hostnames can only be used with kind: kubernetes"),
        ServerRule(
            "self.kind != 'kubernetes' || (has(self.router) && self.router == 'gatewayAPI') || (!has(self.gateways) && "
                + "!has(self.parentRefs) && !has(self.hostnames))",
            "gateways, parentRefs and hostnames can only be used with router: gatewayAPI"),
        ServerRule(
            "self.kind != 'kubernetes' || !has(self.router) || self.router != 'gatewayAPI' || (has(self.gateways) && "
                + "size(self.gateways) > 0) || (has(self.parentRefs) && size(self.parentRefs) > 0)",
            "router: gatewayAPI needs a Gateway for its route: gateways: [{name: …}]"),
    ]

    /// In these rules `self` is the whole object.
    static let object = [
        ServerRule(
            "!(has(self.spec.target) && self.spec.target.kind == 'kubernetes') || "
                + "self.metadata.name.matches(r'\(NameRules.serviceNamePattern)')",
            "the name must be valid for a Service: lower-case letters, digits and '-', with a letter first"),
        ServerRule("size(self.metadata.name) <= 63", "the name can have at most 63 characters"),
        ServerRule(
            "!(has(self.spec.target) && self.spec.target.kind == 'kubernetes') || !(self.metadata.name in ["
                + ClusterNames.reserved.sorted().map { "'\($0)'" }.joined(separator: ", ") + "])",
            "the name is reserved for mlctl's own objects in every namespace"),
    ]
}
