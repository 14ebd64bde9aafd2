import KubernetesClient
import ModelManifests

/// An object that mlctl has in a cluster.
struct InstalledObject: Hashable, Sendable {
    var id: ObjectID
    var uid: String
    var finalizers: [String]
    var labels: [String: String]

    /// Other people may label their objects as managed by mlctl, so one of mlctl's own labels must be there too.
    var isOwn: Bool {
        guard labels[ObjectLabels.managedBy] == ObjectLabels.manager else { return false }
        return labels[ObjectLabels.deployment] != nil
            || labels[ObjectLabels.component].flatMap(ObjectLabels.Component.init(rawValue:)) != nil
    }

    /// A check judges what serves, and serves nothing itself.
    var isCheck: Bool { labels[ObjectLabels.component] == ObjectLabels.Component.check.rawValue }

    var isRecord: Bool { labels[ObjectLabels.component] == ObjectLabels.Component.record.rawValue }
}

/// What `mlctl uninstall` deletes, and in which order. Pure.
///
/// ModelDeployments go first: a controller would create everything else for them. Routes go before the pods that answer, and
/// the proxies after the routes.
package struct UninstallSteps: Hashable, Sendable {
    /// All ModelDeployments: their finalizer is removed, then they are deleted.
    let deployments: [InstalledObject]
    /// In this order.
    let deletions: [InstalledObject]
    let definition: InstalledObject?

    /// - Parameters:
    /// - found: all objects with mlctl's labels, and its ModelDeployments.
    /// - keepsServing: deletes only what serves nothing.
    /// - definition: the definition of ModelDeployments, if it is to be deleted.
    init(_ found: [InstalledObject], keepsServing: Bool, definition: InstalledObject? = nil) {
        deployments = found.filter { $0.id.type == .modelDeployments }.sorted(by: Self.isBefore)
        deletions = found.filter {
            $0.id.type != .modelDeployments && $0.isOwn && (!keepsServing || $0.isRecord || $0.isCheck)
        }
        .sorted(by: Self.isBefore)
        self.definition = definition
    }

    package var isEmpty: Bool { deployments.isEmpty && deletions.isEmpty && definition == nil }

    /// For people: what is deleted, one line for each namespace and kind.
    package var lines: [String] {
        let counted = Dictionary(grouping: deployments + deletions) {
            "\($0.id.key.namespace ?? "") \($0.id.type.kind)"
        }
        let lines = counted.sorted { $0.key < $1.key }.map { _, objects in
            let first = objects[0].id
            let names = objects.map(\.id.key.name).sorted()
            let shown = names.prefix(Self.mostNamed).joined(separator: ", ")
            let more = names.count > Self.mostNamed ? " and \(names.count - Self.mostNamed) more" : ""
            return "\(first.key.namespace ?? "-"): \(first.type.kind) \(shown)\(more)"
        }
        return lines
            + (definition.map { ["the definition \($0.id.key.name), and with it every ModelDeployment"] } ?? [])
    }

    private static let mostNamed = 5

    private static func isBefore(_ first: InstalledObject, _ second: InstalledObject) -> Bool {
        (first.rank, "\(first.id)") < (second.rank, "\(second.id)")
    }
}

extension InstalledObject {
    fileprivate var rank: Int {
        let isProxys = labels[ObjectLabels.component] == ObjectLabels.Component.proxy.rawValue
        return switch id.type {
        case .modelDeployments: 0
        case .jobs, .httpRoutes: 1
        case .configMaps: 1
        case .services where !isProxys && labels[ObjectLabels.revision] == nil: 1
        case .deployments: isProxys ? 4 : 2
        case .secrets, .serviceAccounts, .roles, .roleBindings: 5
        default: isProxys ? 5 : 3
        }
    }
}
