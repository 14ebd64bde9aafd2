import KubernetesClient
import ModelManifests

/// One entry of `metadata.managedFields`.
struct ManagedFields: Decodable {
    var manager: String?
    var operation: String?
    var subresource: String?
    var fieldsV1: FieldTree?

    /// What mlctl applied.
    var isOwn: Bool {
        manager == KubernetesAPI.fieldManager && operation == "Apply" && (subresource ?? "").isEmpty
    }

    /// Of somebody who is no part of mlctl, and not of the status.
    var isOthers: Bool {
        subresource != "status" && manager != KubernetesAPI.fieldManager && manager != ObjectWriters.replicasManager
    }
}

/// Who wrote an object.
public struct ObjectWriters: Hashable, Sendable {
    /// Holds a Deployment's `replicas` where nobody else does yet: without an owner the API server would set them to 1.
    static let replicasManager = "mlctl-replicas"

    /// `FieldTree.digest` of what mlctl owns; nil where it owns nothing.
    var own: UInt64?
    /// Other managers of fields outside the status, sorted.
    var others: [String]
    /// A digest of what others own of an object that mlctl applied, beside what mlctl owns of it (`FieldTree.contents`); nil
    /// where that is nothing.
    var added: UInt64?
    /// Who else says how many replicas there are.
    var scaler: String?
    var ownsReplicas: Bool
    /// By whatever kind of write.
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
        // The HorizontalPodAutoscaler is a part of it.
        return name == "kube-controller-manager" ? "a HorizontalPodAutoscaler" : "\(name) (subresource scale)"
    }
}

extension FieldTree {
    /// Of several managers' fields; nil where there are none.
    static func digest(_ trees: [(manager: String, tree: FieldTree)]) -> UInt64? {
        guard !trees.isEmpty else { return nil }
        let members = trees.enumerated().map { ("\($0.offset) \($0.element.manager)", $0.element.tree) }
        return FieldTree(children: Dictionary(members) { first, _ in first }).digest
    }
}
