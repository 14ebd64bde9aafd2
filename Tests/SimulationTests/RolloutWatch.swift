import Foundation
import JSON
import KubernetesClient
import KubernetesServing
import ModelManifests
import Serving
import TestSupport

/// Continuous observation of a cluster during a rollout.
actor RolloutWatch {
    /// The deployment's pods and route at one moment.
    private struct Sight {
        struct Pod {
            var version: String
            var isReady: Bool
        }
        var pods: [Pod] = []
        var shares: [String: Int] = [:]
    }

    private let cluster: SimulatedCluster
    /// Once this many pods answer, never fewer do.
    private var floor: Int
    private var hasServed = false
    private(set) var faults: Set<String> = []
    /// Including pods that are shutting down.
    private(set) var mostPods = 0
    private(set) var versionsSeenTogether = false
    private var messages: Set<String> = []
    private var last = Sight()

    init(_ cluster: SimulatedCluster, floor: Int) {
        self.cluster = cluster
        self.floor = floor
    }

    func setFloor(_ count: Int) {
        floor = count
        hasServed = false
    }

    func look() async {
        let sight = await Self.sight(cluster)
        last = sight
        mostPods = max(mostPods, sight.pods.count)
        if Set(sight.pods.map(\.version)).count > 1 { versionsSeenTogether = true }
        if case .string(let message)? = await cluster.status()?["message"] { messages.insert(message) }
        let total = sight.shares.values.reduce(0, +)
        if ![0, 100].contains(total) { faults.insert("the weights are \(sight.shares)") }
        let answering = sight.pods.count { $0.isReady && sight.shares[$0.version, default: 0] > 0 }
        if answering >= floor { hasServed = true }
        guard hasServed else { return }
        if answering < floor { faults.insert("\(answering) pods answer, and \(floor) should: \(sight)") }
        for (version, share) in sight.shares where share > 0 {
            guard !sight.pods.contains(where: { $0.version == version && $0.isReady }) else { continue }
            faults.insert("version \(version) has a share of \(share) % and no pod that answers")
        }
    }

    /// Whether the status said so at some time.
    func hasRead(_ words: String) -> Bool { messages.contains { $0.contains(words) } }

    /// At the last look there were only pods of this version.
    func isAlone(_ version: String) -> Bool { last.pods.allSatisfy { $0.version == version } }

    /// At the last look, two versions had half of the traffic each, and this many pods that answer.
    func isSplit(replicas: Int) -> Bool {
        last.shares.count == 2 && last.shares.values.allSatisfy { $0 == 50 }
            && last.shares.keys.allSatisfy { version in
                last.pods.count { $0.version == version && $0.isReady } == replicas
            } && last.pods.count == 2 * replicas
    }

    func forget() {
        mostPods = 0
        versionsSeenTogether = false
        messages = []
    }

    private static func sight(_ cluster: SimulatedCluster) async -> Sight {
        // At one moment: nothing happens between the two reads.
        let (pods, maps) = await cluster.transport.update { model in
            (
                model.handle(.list(.pods), now: Date()).body, model.handle(.list(.configMaps), now: Date()).body
            )
        }
        var sight = Sight()
        var versions: [String: String] = [:]
        for pod in items(pods) {
            let labels = pod["metadata"]?["labels"]
            guard labels?[ObjectLabels.deployment] == .string(SimulatedCluster.key.name),
                let version = labels?["app.kubernetes.io/version"]?.words,
                let revision = labels?[ObjectLabels.revision]?.words
            else { continue }
            versions[revision] = version
            let isLeaving = pod["metadata"]?["deletionTimestamp"] != nil
            let ready = items(pod["status"]?["conditions"]).contains {
                $0["type"] == "Ready" && $0["status"] == "True"
            }
            sight.pods.append(Sight.Pod(version: version, isReady: ready && !isLeaving))
        }
        for map in items(maps) {
            let labels = map["metadata"]?["labels"]
            guard labels?[ObjectLabels.deployment] == .string(SimulatedCluster.key.name),
                let route = route(in: map["data"])
            else { continue }
            for revision in route.revisions {
                sight.shares[versions[revision.revision.rawValue] ?? "?", default: 0] += revision.weight
            }
        }
        return sight
    }

    /// What the controller wrote into the route, for each change: `1=50 2=50`; a shadow as `2=0+100`.
    static func shares(written requests: [APIRequest]) -> [String] {
        var versions: [String: String] = [:]
        var shares: [String] = []
        for request in requests {
            guard let body = request.body, let object = try? JSONDecoder().decode(JSONValue.self, from: body) else {
                continue
            }
            let labels = object["metadata"]?["labels"]
            if let revision = labels?[ObjectLabels.revision]?.words,
                let version = labels?["app.kubernetes.io/version"]?.words
            {
                versions[revision] = version
            }
            guard labels?[ObjectLabels.deployment] == .string(SimulatedCluster.key.name),
                let route = route(in: object["data"])
            else { continue }
            let words = route.revisions.map { revision in
                let mirror = revision.mirror > 0 ? "+\(revision.mirror)" : ""
                return "\(versions[revision.revision.rawValue] ?? "1")=\(revision.weight)\(mirror)"
            }.joined(separator: " ")
            if shares.last != words { shares.append(words) }
        }
        return shares
    }

    private static func route(in data: JSONValue?) -> ProxyRoute? {
        guard let text = data?["route.json"]?.words else { return nil }
        return try? JSONDecoder().decode(ProxyRoute.self, from: Data(text.utf8))
    }

    private static func items(_ body: Data) -> [JSONValue] {
        items((try? JSONDecoder().decode(JSONValue.self, from: body))?["items"])
    }

    private static func items(_ value: JSONValue?) -> [JSONValue] {
        if case .array(let items)? = value { items } else { [] }
    }
}

extension JSONValue {
    fileprivate var words: String? { if case .string(let text) = self { text } else { nil } }
}
