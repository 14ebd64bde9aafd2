import Controller
import Foundation
import JSON
import KubernetesClient
import ModelManifests
import SafeText

/// A ModelDeployment as the register goes by it: whether its spec is as announced, `metadata.generation` tells. Neither spec
/// nor record is read, nor annotations: ten thousand of these are in memory, and each of their writes comes back by the watch.
struct ModelDeploymentObject: KubernetesObject, Equatable {
    static let resource = ResourceType.modelDeployments

    var metadata: ObjectMetadata
    /// Counts the swaps; nil where there is no record.
    var recordVersion: Int?
    /// Of the latest event in the record; 0 where there are none.
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
    var isHeld: Bool { metadata.finalizers.contains(RegisterWords.finalizer) }

    /// Whether it is not older than the other. Versions of one object that are numbers are compared as such, as the API
    /// promises since Kubernetes 1.35; others are taken as they come.
    func isAtLeastAsNew(as other: ModelDeploymentObject) -> Bool {
        guard metadata.uid == other.metadata.uid, let own = metadata.resourceVersion.flatMap({ UInt64($0) }),
            let others = other.metadata.resourceVersion.flatMap({ UInt64($0) })
        else { return true }
        return own >= others
    }
}

/// The same with the record, for reading it back.
struct RecordedModelDeployment: KubernetesObject {
    static let resource = ResourceType.modelDeployments

    struct Status: Decodable {
        struct Record: Decodable {
            var version: Int
            /// JSON of a `RolloutState`.
            var state: String
            /// Of `SealedWriting.record`; none in what is not this controller's.
            var seal: String?
        }

        var record: Record?
        var events: [RecordedEvent]?
    }

    var object: ModelDeploymentObject
    /// The annotation of that name.
    var quarantine: String?
    var status: Status?
    /// As the server has it.
    var wholeStatus: JSONValue
    var wholeSpec: JSONValue

    private enum CodingKeys: String, CodingKey { case metadata, spec, status }

    private struct Annotated: Decodable {
        var annotations: [String: String]?
    }

    init(from decoder: any Decoder) throws {
        object = try ModelDeploymentObject(from: decoder)
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        quarantine = try fields.decode(Annotated.self, forKey: .metadata).annotations?[RegisterWords.quarantine]
        status = try fields.decodeIfPresent(Status.self, forKey: .status)
        wholeStatus = try fields.decodeIfPresent(JSONValue.self, forKey: .status) ?? .object([:])
        wholeSpec = try fields.decodeIfPresent(JSONValue.self, forKey: .spec) ?? .object([:])
    }

    var metadata: ObjectMetadata { object.metadata }

    var digest: RecordDigest { RecordDigest(self) }
}

/// What is gone by of a record that was read: of thousands, no more than this is in memory.
struct RecordDigest: Sendable {
    var object: ModelDeploymentObject
    var quarantine: String?
    /// Nobody has looked yet at who wrote it.
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

/// Tells two specs apart without keeping them.
struct SpecFingerprint: Hashable, Sendable {
    let rawValue: UInt64

    init(_ value: JSONValue) { self.init(canonical: CanonicalJSON.text(value)) }

    init(canonical: String) { rawValue = ObjectHash.bits(canonical) }
}

/// What the register writes on ModelDeployments, beside `ObjectLabels`.
enum RegisterWords {
    static let finalizer = "mlctl.dev/serving"
    static let commit = "mlctl.dev/commit"
    /// Which revisions failed, as JSON: outlives the status.
    static let quarantine = "mlctl.dev/quarantine"
    /// Which controller keeps it: others leave it alone.
    static let controller = "mlctl.dev/controller"
    /// Which repository it came from: what another one does not have is not removed for that.
    static let source = "mlctl.dev/source"
    /// The garbage collector's, while it lets go of what a deleted object owns.
    static let orphanFinalizer = "orphan"
}

/// Whose a controller's objects are.
public struct RegisterIdentity: Hashable, Sendable {
    /// Names the controller in its clusters. Those that work together have the same name.
    public var controller: String
    /// Of the repository, branch and path that it follows, as a label's value.
    public var source: String

    /// - Parameter source: repository, branch and path; put down as a hash.
    public init(controller: String, source: String) {
        self.controller = Escape.labelValue(controller)
        self.source = ObjectHash.text(source)
    }

    var labels: [String: String] { [RegisterWords.controller: controller, RegisterWords.source: source] }
}
