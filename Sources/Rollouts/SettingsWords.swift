import Analysis
import ModelManifests

/// One setting of a deployment as text, such as `replicas: 2`, for display and for comparison with the setting before.
package struct SettingDescription: Hashable, Codable, Sendable {
    package var name: String
    package var text: String

    package init(_ name: String, _ text: String) {
        self.name = name
        self.text = text
    }
}

extension ModelDeployment {
    /// All settings that may change without a new revision, in a fixed order.
    package var settingsWords: [SettingDescription] {
        var words = [
            SettingDescription(
                "replicas", scaling == .external ? "external: an autoscaler or a person says how many" : "\(replicas)"),
            SettingDescription("endpoint", endpointText),
            SettingDescription(
                "drain",
                "requests within \(endpoint.drainTimeout.goText), streams within \(endpoint.drain.streamTimeout.goText)"
            ),
            SettingDescription("traffic", routingText),
            SettingDescription("strategy", strategyText),
        ]
        words += endpointAccess.map { SettingDescription($0, $1) }
        words += rollout.steps.enumerated().map {
            SettingDescription("step \($0 + 1)", $1.text + (skipsStep($1) ? Self.leftOut : ""))
        }
        words += rollout.gates.map { gate in
            let asks = gate.words(alpha: nil, missedRegressionRate: rollout.missedRegressionRate).asks
            let isLeftOut = hasNoRoomForBoth && gate.needsStable
            return SettingDescription(
                "gate \(gate.name)",
                asks + (jobText(of: gate).map { " (\($0))" } ?? "")
                    + (gate.warnOnly ? " (warnOnly: reported, but nothing acts on it)" : "")
                    + (isLeftOut ? Self.leftOut : ""))
        }
        words += rollout.slices.map { SettingDescription("slice \($0.name)", $0.text + sliceText) }
        words += [
            SettingDescription("falseRollbackRate", "\(rollout.falseRollbackRate)"),
            SettingDescription("missedRegressionRate", "\(rollout.missedRegressionRate)"),
            SettingDescription(
                "progressDeadline",
                "\(rollout.progressDeadline.goText), then \(rollout.onInsufficient.rawValue) if data is missing"),
            SettingDescription("onFailure", rollout.onFailure.rawValue),
            SettingDescription(
                "unavailableAfter",
                "\(rollout.unavailableAfter.goText) in any \(rollout.unavailabilityWindow.goText)"),
        ]
        if let probation = rollout.probation {
            let keepsShare = probation.holdback > 0 && !hasNoRoomForBoth
            let share = keepsShare ? ", the old revision keeps \(probation.holdback) %" : ""
            words.append(SettingDescription("probation", "\(probation.duration.goText)\(share)"))
        }
        if !dependsOn.isEmpty {
            words.append(SettingDescription("dependsOn", dependsOn.map(\.description).joined(separator: ", ")))
        }
        if suspend { words.append(SettingDescription("suspend", "nothing changes until it is lifted")) }
        return words
    }

    private var sliceText: String {
        if let why = whyNoSlice { return " (not judged: \(why))" }
        return "; judged by \(rollout.gates.filter(\.isJudgedOnSlices).map(\.name).joined(separator: ", "))"
    }

    private var whyNoSlice: String? { Self.whyNoSlice(rollout, endpoint.routing, replicas: replicas) }

    /// Why `rollout.slices` has no effect. Nil if it has one.
    package var unjudgedSlices: String? {
        guard !rollout.slices.isEmpty, let whyNoSlice else { return nil }
        return "no gate is judged on rollout.slices: \(whyNoSlice)"
    }

    private static let leftOut = " (skipped: the old revision has stopped by then)"

    /// Stable stops before the candidate starts, so there is no traffic to move, and nothing to compare with.
    private var hasNoRoomForBoth: Bool { Rollout.CapacityMode(self) == .recreate }

    private func skipsStep(_ step: RolloutStep) -> Bool {
        guard hasNoRoomForBoth else { return false }
        return switch step.action {
        case .approval, .setWeight(100): false
        case .gate(let name): !rollout.gates.contains { $0.name == name && $0.isCheck }
        case .setWeight, .mirror, .pause: true
        }
    }

    /// The check gates that run as Jobs in a cluster, and the image that each uses.
    package var clusterChecks: [String] {
        rollout.gates.compactMap { gate in jobText(of: gate).map { "check \(gate.name) runs \($0)" } }
    }

    /// - Returns: nil if the gate is not a check, or if it runs on the controller's machine.
    private func jobText(of gate: GateSpec) -> String? {
        guard case .check(let check) = gate.kind, isInCluster else { return nil }
        let image = check.image ?? template.runtime.image
        return "as a Job in namespace \(key.namespace)" + (image.map { ", in the image \($0)" } ?? "")
    }

    private var endpointText: String {
        var parts = [addressText, "answers within \(endpoint.requestTimeout.goText)"]
        if let limit = endpoint.concurrency {
            parts.append(
                "\(limit.perInstance) requests at a time for each instance, \(limit.queueDepth) wait for "
                    + "\(limit.queueTimeout.goText) at most")
        }
        if let idempotent = endpoint.idempotent {
            parts.append(idempotent ? "requests may be sent again" : "only requests that say so may be sent again")
        }
        return parts.joined(separator: ", ")
    }

    /// What else decides which clients of this machine's endpoint are served; nothing where that is the default.
    private var endpointAccess: [(name: String, text: String)] {
        guard target == .local else { return [] }
        return [
            ("endpoint.address", endpoint.address),
            ("endpoint.tls.minimumVersion", endpoint.tls?.minimumVersion.rawValue),
            ("endpoint.tls.clientCAFile", endpoint.tls?.clientCAFile),
        ].compactMap { name, text in text.map { (name, $0) } }
    }

    private var addressText: String {
        switch target {
        case .local: endpoint.port.map { endpoint.localURL(port: $0) } ?? "a free port that is chosen once and kept"
        case .kubernetes(let kubernetes) where !kubernetes.hostnames.isEmpty:
            kubernetes.hostnames.joined(separator: ", ")
        case .kubernetes(let kubernetes) where kubernetes.router == .gatewayAPI: "all host names of its gateways"
        case .kubernetes: clusterAddress(of: key.name)
        }
    }

    /// The URL at which pods of the cluster reach a Service.
    private func clusterAddress(of service: String) -> String {
        "http://\(service).\(key.namespace).svc" + (endpoint.port.map { $0 == 80 ? "" : ":\($0)" } ?? "")
    }

    private func previewText(_ preview: Preview) -> String {
        switch target {
        case .local:
            preview.port.map { "preview at \(endpoint.localURL(port: $0, isPreview: true))" }
                ?? "preview at a free port"
        case .kubernetes: "preview at \(clusterAddress(of: "\(key.name)-REVISION")) in the cluster"
        }
    }

    private var routingText: String {
        var parts: [String] = [endpoint.routing.text]
        if endpoint.keepsUsers { parts.append("users stay with the revision that answered them" + keptApart) }
        parts += endpoint.observe.map { observation in
            "\(observation.name) is observed at \(observation.subject.rawValue) \(observation.path.text)"
        }
        if let generate = endpoint.generate {
            parts.append("\(generate.requests) is sent at \(generate.ratePerSecond)/s")
        }
        return parts.joined(separator: ", ")
    }

    private var isInCluster: Bool {
        if case .kubernetes = target { true } else { false }
    }

    /// Proxies in a cluster do not know each other's users. While the weights stay the same, they assign users alike.
    private var keptApart: String {
        let weights = rollout.steps.compactMap { step -> Int? in
            if case .setWeight(let weight) = step.action, (1..<100).contains(weight) { weight } else { nil }
        }
        guard isInCluster, endpoint.routing.isSticky, Set(weights).count > 1 else { return "" }
        return " at the same proxy: with proxyReplicas over 1, some move between revisions when the weight changes; "
            + "a test with a single weight moves nobody"
    }

    private var strategyText: String {
        var parts = [rollout.strategy.rawValue]
        if rollout.capacity == .drainThenLoad { parts.append("the old revision stops first") }
        if let preview = rollout.preview {
            parts.append(previewText(preview))
        }
        return parts.joined(separator: ", ")
    }

    /// Whether both revisions are loaded at once during a rollout.
    package var overlapsRevisions: Bool { rollout.capacity == .surge && rollout.strategy != .recreate }
}

extension Routing {
    fileprivate var text: String {
        switch self {
        case .random: "requests at random"
        case .stickyHeader(let name): "users by header \(name)"
        case .stickyCookie(let name): "users by cookie \(name)"
        case .matchHeader(let name, let value): "the candidate gets header \(name): \(value)"
        case .matchCookie(let name, let value): "the candidate gets cookie \(name)=\(value)"
        }
    }
}

extension TrafficSlice {
    fileprivate var text: String {
        let place =
            switch key {
            case .header(let name): "header \(name)"
            case .path(let path): "\(path.text) in the request's JSON"
            }
        return switch values {
        case .listed(let values): "requests by \(place): \(values.joined(separator: ", ")), and all others"
        case .top(let count): "requests by \(place): the \(count) most frequent values, and all others"
        }
    }
}
