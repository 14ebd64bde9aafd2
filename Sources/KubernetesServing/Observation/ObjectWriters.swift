import KubernetesClient
import ModelManifests

/// One entry of `metadata.managedFields`.
struct ManagedFields: Decodable {
    var manager: String?
    var operation: String?
    var subresource: String?
    var fieldsV1: FieldTree?

    /// Whether mlctl applied these fields.
    var isOwn: Bool {
        manager == KubernetesAPI.fieldManager && operation == "Apply" && (subresource ?? "").isEmpty
    }

    /// Whether the manager is not part of mlctl, and the fields are not the status.
    var isOthers: Bool {
        subresource != "status" && manager != KubernetesAPI.fieldManager && manager != ObjectWriters.replicasManager
    }
}

/// Who wrote an object.
package struct ObjectWriters: Hashable, Sendable {
    /// The manager of a Deployment's `replicas` until an autoscaler takes over: without an owner the API server would reset them
    /// to 1.
    static let replicasManager = "mlctl-replicas"

    /// The `FieldTree.digest` of what mlctl owns; nil if it owns nothing.
    var own: UInt64?
    /// Other managers of fields outside the status, sorted.
    var others: [String]
    /// A digest of the fields that others own in an object that mlctl applied, and mlctl does not (`FieldTree.contents`); nil if
    /// there are none.
    var added: UInt64?
    /// Who else sets the number of replicas.
    var scaler: String?
    var ownsReplicas: Bool
    /// Whether mlctl wrote it, by any kind of write.
    var isWrittenByMlctl: Bool

    init(_ entries: [ManagedFields]) {
        let mine = entries.first(where: \.isOwn)?.fieldsV1
        let theirs = entries.filter(\.isOthers)
        own = mine?.digest
        others = Set(theirs.compactMap(\.manager)).sorted()
        added = mine.flatMap { mine in
            FieldTree.digest(
                theirs.compactMap { entry in
                    entry.fieldsV1?.contents.beyond(mine).map { (entry.manager ?? "", $0) }
                })
        }
        scaler = theirs.first { $0.fieldsV1?.hasReplicas == true }.map(Self.scaler)
        ownsReplicas = mine?.hasReplicas == true
        isWrittenByMlctl = entries.contains { $0.manager == KubernetesAPI.fieldManager }
    }

    init(
        own: UInt64?, others: [String] = [], added: UInt64? = nil, scaler: String? = nil, ownsReplicas: Bool = false
    ) {
        self.own = own
        self.others = others
        self.added = added
        self.scaler = scaler
        self.ownsReplicas = ownsReplicas
        isWrittenByMlctl = own != nil
    }

    private static func scaler(_ entry: ManagedFields) -> String {
        let name = entry.manager ?? "somebody else"
        guard entry.subresource == "scale" else { return name }
        // kube-controller-manager runs the HorizontalPodAutoscaler.
        return name == "kube-controller-manager" ? "a HorizontalPodAutoscaler" : "\(name) (subresource scale)"
    }
}

extension FieldTree {
    /// A digest of several managers' fields; nil if there are none.
    static func digest(_ trees: [(manager: String, tree: FieldTree)]) -> UInt64? {
        guard !trees.isEmpty else { return nil }
        let members = trees.enumerated().map { ("\($0.offset) \($0.element.manager)", $0.element.tree) }
        return FieldTree(children: Dictionary(members) { first, _ in first }).digest
    }
}
