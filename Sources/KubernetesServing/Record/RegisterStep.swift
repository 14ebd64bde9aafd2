import Controller
import JSON
import KubernetesClient
import ModelManifests

/// What is to be done so that a ModelDeployment says what git says. Pure.
enum RegisterStep: Equatable {
    /// It does.
    case nothing
    /// Server-side apply.
    case apply
    /// Somebody deleted it, and git wants it: what it owns is to be let go of, or it would go with it. Once that is asked
    /// for, the step is `recreate` as soon as the garbage collector is done.
    case letGo
    /// What it owned is free: the deletion may end, and the object is made anew with the record that it had.
    case recreate
    /// Not ours, or not now.
    case refuse(RegisterError)

    /// - Parameters:
    ///   - known: as it was last seen; nil where there is none.
    ///   - announced: what the spec said when it was last written or read.
    ///   - isLetGo: `letGo` was done for this object.
    ///   - wasOurs: this controller has written it before. Another repository's is taken over once, and not taken back:
    ///     two controllers that did so would never end.
    init(
        _ announcement: Announcement, known: ModelDeploymentObject?, identity: RegisterIdentity,
        announced: AnnouncedSpec? = nil, isLetGo: Bool = false, wasOurs: Bool = false
    ) {
        guard let known else {
            self = .apply
            return
        }
        if let other = known.metadata.labels[RegisterWords.controller], other != identity.controller {
            self = .refuse(.anotherController(known.deployment, other, own: identity.controller))
            return
        }
        if wasOurs, let other = known.metadata.labels[RegisterWords.source], other != identity.source {
            self = .refuse(.anotherRepository(known.deployment, own: identity))
            return
        }
        guard !known.isTerminating else {
            self = Self.undoingDeletion(of: known, isLetGo: isLetGo)
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

    private static func undoingDeletion(of known: ModelDeploymentObject, isLetGo: Bool) -> RegisterStep {
        let others = known.metadata.finalizers.filter { $0 != RegisterWords.finalizer }
        if others.contains(RegisterWords.orphanFinalizer) { return .refuse(.beingDeleted(known.deployment, others)) }
        guard isLetGo else { return .letGo }
        return others.isEmpty ? .recreate : .refuse(.beingDeleted(known.deployment, others))
    }
}

/// What a spec said at a generation: a later one is somebody else's.
struct AnnouncedSpec: Hashable, Sendable {
    var fingerprint: SpecFingerprint
    var generation: Int?
}

extension Announcement {
    func allLabels(_ identity: RegisterIdentity) -> [String: String] {
        labels.merging(identity.labels) { _, ours in ours }
            .merging([ObjectLabels.managedBy: ObjectLabels.manager]) { _, ours in ours }
    }

    /// The body of the server-side apply.
    /// - Parameter quarantine: the annotation; nil: none. One that was applied and is left out would go.
    func object(_ identity: RegisterIdentity, spec: JSONValue, quarantine: String? = nil) -> JSONValue {
        let annotations = [RegisterWords.commit: commit, RegisterWords.quarantine: quarantine].compactMapValues(\.self)
        return [
            "apiVersion": .string(ResourceType.modelDeployments.apiVersion),
            "kind": .string(ResourceType.modelDeployments.kind),
            "metadata": [
                "name": .string(deployment.name), "namespace": .string(deployment.namespace),
                "labels": .object(allLabels(identity).mapValues(JSONValue.string)),
                "annotations": .strings(annotations),
                "finalizers": [.string(RegisterWords.finalizer)],
            ],
            "spec": spec,
        ]
    }
}
