import ControlPorts
import JSON
import KubernetesClient
import ModelManifests

/// The step that makes a ModelDeployment agree with git. Pure.
enum RegisterStep: Equatable {
    /// It agrees already.
    case nothing
    /// Server-side apply.
    case apply
    /// Somebody deleted it, but git wants it. Orphan what it owns, because that would be deleted with it. Once this is requested,
    /// the next step is `recreate`, as soon as the garbage collector is done.
    case letGo
    /// What it owned is orphaned: let the deletion end, and create the object again with its record.
    case recreate
    /// The object is not ours, or cannot be written now.
    case refuse(RegisterError)

    /// - Parameters:
    /// - known: the object as it was last seen; nil if there is none.
    /// - announced: the spec at the last write or read.
    /// - isLetGo: whether `letGo` was done for this object.
    /// - wasOurs: whether this controller has written it before. An object of another repository is taken over once and not taken
    ///   back: two controllers that did so would never stop.
    init(
        _ announcement: PublishedManifest, known: ModelDeploymentObject?, identity: RegisterIdentity,
        announced: AnnouncedSpec? = nil, isLetGo: Bool = false, wasOurs: Bool = false
    ) {
        guard let known else {
            self = .apply
            return
        }
        if let other = known.metadata.labels[RegisterMetadata.controller], other != identity.controller {
            self = .refuse(.anotherController(known.deployment, other, own: identity.controller))
            return
        }
        if wasOurs, let other = known.metadata.labels[RegisterMetadata.source], other != identity.source {
            self = .refuse(.anotherRepository(known.deployment, own: identity))
            return
        }
        guard !known.isTerminating else {
            self = Self.stepUndoingDeletion(of: known, isLetGo: isLetGo)
            return
        }
        let wanted = AnnouncedSpec(
            fingerprint: SpecFingerprint(canonical: announcement.spec), generation: known.metadata.generation)
        let labels = announcement.allLabels(identity)
        let isAsWanted =
            announced == wanted && known.isHeld
            && labels.allSatisfy { known.metadata.labels[$0.key] == $0.value }
        self = isAsWanted ? .nothing : .apply
    }

    private static func stepUndoingDeletion(of known: ModelDeploymentObject, isLetGo: Bool) -> RegisterStep {
        let others = known.metadata.finalizers.filter { $0 != RegisterMetadata.finalizer }
        if others.contains(RegisterMetadata.orphanFinalizer) { return .refuse(.beingDeleted(known.deployment, others)) }
        guard isLetGo else { return .letGo }
        return others.isEmpty ? .recreate : .refuse(.beingDeleted(known.deployment, others))
    }
}

/// A spec at a generation. A later generation is somebody else's change.
struct AnnouncedSpec: Hashable, Sendable {
    var fingerprint: SpecFingerprint
    var generation: Int?
}

extension PublishedManifest {
    func allLabels(_ identity: RegisterIdentity) -> [String: String] {
        labels.merging(identity.labels) { _, ours in ours }
            .merging([ObjectLabels.managedBy: ObjectLabels.manager]) { _, ours in ours }
    }

    /// The body of the server-side apply.
    /// - Parameter quarantine: the annotation's value; nil: none. An annotation that was applied before and is left out is
    ///   removed.
    func object(_ identity: RegisterIdentity, spec: JSONValue, quarantine: String? = nil) -> JSONValue {
        let annotations = [RegisterMetadata.commit: commit, RegisterMetadata.quarantine: quarantine].compactMapValues(
            \.self)
        return [
            "apiVersion": .string(ResourceType.modelDeployments.apiVersion),
            "kind": .string(ResourceType.modelDeployments.kind),
            "metadata": [
                "name": .string(deployment.name), "namespace": .string(deployment.namespace),
                "labels": .object(allLabels(identity).mapValues(JSONValue.string)),
                "annotations": .strings(annotations),
                "finalizers": [.string(RegisterMetadata.finalizer)],
            ],
            "spec": spec,
        ]
    }
}
