import ControlPorts
import Foundation
import JSON
import KubernetesClient
import ModelManifests
import SafeText

/// A ModelDeployment as the register reads it. `metadata.generation` tells whether its spec is as announced. It holds neither
/// spec, record nor annotations: ten thousand of these are in memory, and each write comes back through the watch.
struct ModelDeploymentObject: KubernetesObject, Equatable {
    static let resource = ResourceType.modelDeployments

    var metadata: ObjectMetadata
    /// The number of swaps; nil if there is no record.
    var recordVersion: Int?
    /// The id of the latest event in the record; 0 if there are none.
    var lastEventId: Int

    private enum CodingKeys: String, CodingKey { case metadata, status }

    private struct Status: Decodable {
        struct Record: Decodable {
            var version: Int
        }
        struct Event: Decodable {
            var id: Int
        }

        var record: Record?
        var events: [Event]?
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        metadata = try fields.decode(ObjectMetadata.self, forKey: .metadata)
        metadata.annotations = [:]
        metadata.creationTimestamp = nil
        let status = try fields.decodeIfPresent(Status.self, forKey: .status)
        recordVersion = status?.record?.version
        lastEventId = status?.events?.map(\.id).max() ?? 0
    }

    var deployment: DeploymentKey { DeploymentKey(namespace: metadata.namespace ?? "default", name: metadata.name) }
    var isTerminating: Bool { metadata.deletionTimestamp != nil }
    var isHeld: Bool { metadata.finalizers.contains(RegisterMetadata.finalizer) }

    /// Whether this version is not older than the other. Versions of one object that are numbers are compared as numbers, as the
    /// API promises since Kubernetes 1.35; others are accepted in the order in which they arrive.
    func isAtLeastAsNew(as other: ModelDeploymentObject) -> Bool {
        guard metadata.uid == other.metadata.uid, let own = metadata.resourceVersion.flatMap({ UInt64($0) }),
            let others = other.metadata.resourceVersion.flatMap({ UInt64($0) })
        else { return true }
        return own >= others
    }
}

/// A ModelDeployment with its record.
struct RecordedModelDeployment: KubernetesObject {
    static let resource = ResourceType.modelDeployments

    struct Status: Decodable {
        struct Record: Decodable {
            var version: Int
            /// JSON of a `RolloutState`.
            var state: String
            /// The seal of `SealedContent.record`; nil if this controller did not write the record.
            var seal: String?
        }

        var record: Record?
        var events: [RecordedEvent]?
    }

    var object: ModelDeploymentObject
    /// The value of the annotation `RegisterMetadata.quarantine`.
    var quarantine: String?
    var status: Status?
    /// The status as the server has it.
    var wholeStatus: JSONValue
    var wholeSpec: JSONValue

    private enum CodingKeys: String, CodingKey { case metadata, spec, status }

    private struct Annotated: Decodable {
        var annotations: [String: String]?
    }

    init(from decoder: any Decoder) throws {
        object = try ModelDeploymentObject(from: decoder)
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        quarantine = try fields.decode(Annotated.self, forKey: .metadata).annotations?[RegisterMetadata.quarantine]
        status = try fields.decodeIfPresent(Status.self, forKey: .status)
        wholeStatus = try fields.decodeIfPresent(JSONValue.self, forKey: .status) ?? .object([:])
        wholeSpec = try fields.decodeIfPresent(JSONValue.self, forKey: .spec) ?? .object([:])
    }

    var metadata: ObjectMetadata { object.metadata }

    var digest: RecordSummary { RecordSummary(self) }
}

/// The parts of a record that the controller keeps in memory. There are thousands of records.
struct RecordSummary: Sendable {
    var object: ModelDeploymentObject
    var quarantine: String?
    /// Not yet checked for who wrote it.
    var record: StateRecord?
    var seal: String?
    var events: [RecordedEvent]?
    var reported: SpecFingerprint
    var transitions: StatusDocument.Transitions
    var spec: SpecFingerprint

    init(_ found: RecordedModelDeployment) {
        object = found.object
        quarantine = found.quarantine
        record = found.status?.record.map { StateRecord(version: $0.version, state: Data($0.state.utf8)) }
        seal = found.status?.record?.seal
        events = found.status?.events
        reported = StatusDocument.fingerprint(found.wholeStatus)
        transitions = StatusDocument.transitions(in: found.wholeStatus)
        spec = SpecFingerprint(found.wholeSpec)
    }
}

/// A hash that distinguishes specs without keeping them.
struct SpecFingerprint: Hashable, Sendable {
    let rawValue: UInt64

    init(_ value: JSONValue) { self.init(canonical: CanonicalJSON.text(value)) }

    init(canonical: String) { rawValue = ObjectHash.bits(canonical) }
}

/// Names that the register writes on ModelDeployments, besides `ObjectLabels`.
enum RegisterMetadata {
    static let finalizer = "mlctl.dev/serving"
    static let commit = "mlctl.dev/commit"
    /// The revisions that failed, as JSON. It outlives the status.
    static let quarantine = "mlctl.dev/quarantine"
    /// The controller that owns the object: other controllers leave it alone.
    static let controller = "mlctl.dev/controller"
    /// The repository that the object comes from: a controller of another repository does not remove it.
    static let source = "mlctl.dev/source"
    /// The garbage collector's finalizer while it orphans what a deleted object owns.
    static let orphanFinalizer = "orphan"
}

/// Identifies the objects of a controller.
package struct RegisterIdentity: Hashable, Sendable {
    /// The controller's name in its clusters. Controllers that work together have the same name.
    package var controller: String
    /// The repository, branch and path that it follows, hashed into a label's value.
    package var source: String

    /// - Parameter source: repository, branch and path; stored as a hash.
    package init(controller: String, source: String) {
        self.controller = Escape.labelValue(controller)
        self.source = ObjectHash.text(source)
    }

    var labels: [String: String] { [RegisterMetadata.controller: controller, RegisterMetadata.source: source] }
}
