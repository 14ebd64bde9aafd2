import ControlPorts
import Foundation
import JSON
import KubernetesClient
import Logging
import ModelManifests
import Rollouts

/// The state store of one cluster: the record of each deployment is in the status of its ModelDeployment.
///
/// # Guarantees
/// - Those of `StateStore`. A swap is one request with the `resourceVersion` of the object on whose record the decision was
///   based: if somebody else wrote in between, it throws `StateConflict`.
/// - Those of `DesiredStateMirror`. An object that is as announced costs no request.
/// - If somebody deletes an object that git wants, it is created again with its record. A controller that dies in between
///   leaves a `RecordBackup` to the next one. In a namespace that is being deleted the object is released at once.
/// - A record counts as the controller's own only if its key sealed it. A status that somebody else wrote counts as a lost
///   record; if it is found at the start, nothing is decided about its deployment.
/// - The watch notices a status that somebody wipes or replaces by an older one. The next pass throws `RecordLost`, and the
///   controller writes its own record again with a version above both.
///
/// # Assumptions
/// - `run` is running: its watch sees what others change after `records` was read. Without it nothing wrong is written, but
///   drift is not noticed.
///
/// # Errors
/// `ClusterServingError`, `RegisterError`, and from `swap` `StateConflict` and `RecordLost`.
package actor ClusterStore: StateStore {
    /// How many changed deployments may wait for a look. The oldest are dropped; their resting interval still comes.
    static let changesLimit = 16_384

    /// The origin of copies of events: their ids increase over all objects of one name.
    static let origin = "cluster"

    /// What is remembered of one object besides what the server has.
    struct Memory {
        var object: ModelDeploymentObject
        /// JSON of the status's `[RecordedEvent]`.
        var events = Data("[]".utf8)
        /// The `resourceVersion` at which the status was last read completely or written here: any other one is somebody else's
        /// write.
        var seenVersion: String?
        var loss = RecordLoss.none
        /// This controller's writes under way: the watch may report their echo meanwhile.
        var writesUnderWay = 0
        /// The fingerprint of the status that was written last.
        var reported: SpecFingerprint?
        /// The outline of a status that gave the same document as the last one.
        var outline: Int?
        /// The annotation that outlives the status.
        var quarantine: String?
        var transitions: StatusDocument.Transitions = [:]
        /// The spec as git has it. The server may store it in another form.
        var announced: AnnouncedSpec?
        /// The spec as it was last written here.
        var applied: SpecFingerprint?
        /// Counts the writes that reverted changes by others.
        var corrections = RewriteThrottle()
        /// The last generation whose spec agreed with git. The status describes this generation.
        var agreedGeneration: Int?
        var isLetGo = false
        /// Whether it was seen with this controller's labels.
        var wasOurs = false

        /// The version that a swap must expect.
        var recordVersion: Int? { loss == .none ? object.recordVersion : nil }
    }

    /// Whether the object has lost the controller's record.
    enum RecordLoss: Equatable {
        case none
        /// Found, and not yet reported to the controller.
        case found
        case told
    }

    /// A record as the controller has it in memory.
    struct CachedRecord: Equatable {
        var version: Int
        var state: SpecFingerprint
    }

    package nonisolated let changes: AsyncStream<DeploymentKey>
    let changed: AsyncStream<DeploymentKey>.Continuation
    /// The version of the last list of records: the watch begins there.
    let versionsRead: AsyncStream<String>
    private let versionRead: AsyncStream<String>.Continuation
    nonisolated let api: KubernetesAPI
    nonisolated let identity: RegisterIdentity
    let recordKey: RecordKey
    /// The seal made from the key; nil until records were read.
    var seal: RecordSeal?
    /// Whether the next reading of all records seals unsealed ones as they are.
    var adoptsRecords: Bool
    let archive: any EventArchive
    let tellEvent: @Sendable (RolloutEvent, OwnerReference, DeploymentKey) -> Void
    let now: @Sendable () -> Date
    let clock: @Sendable () -> Duration
    let logger: Logger
    var known: [DeploymentKey: Memory] = [:]
    /// Records of objects that are being created again.
    var kept: [DeploymentKey: RecordBackup] = [:]
    /// The entries of `kept` that an earlier controller left.
    var inherited: Set<DeploymentKey> = []
    /// The controller's records in memory. They outlive the object.
    var held: [DeploymentKey: CachedRecord] = [:]
    var refusals: [DeploymentKey: RefusedAnnouncement] = [:]

    /// - Parameters:
    /// - identity: identifies this controller in the cluster: objects of other controllers are left alone.
    /// - namespace: the only namespace that is watched; nil: all.
    /// - recordKey: seals this controller's records, and tells them from what others write.
    /// - adoptsRecords: records that are found first count as this controller's own, whoever wrote them.
    /// - archive: keeps copies of all events.
    /// - tellEvent: creates a Kubernetes Event for an event. Must not wait.
    /// - clock: monotonic; its zero has no meaning.
    package init(
        api: KubernetesAPI, identity: RegisterIdentity, namespace: String? = nil, recordKey: RecordKey,
        adoptsRecords: Bool = false, archive: any EventArchive,
        tellEvent: @escaping @Sendable (RolloutEvent, OwnerReference, DeploymentKey) -> Void = { _, _, _ in },
        now: @escaping @Sendable () -> Date, clock: @escaping @Sendable () -> Duration = ClusterBackend.uptime,
        logger: Logger
    ) {
        self.api = api
        self.identity = identity
        self.recordKey = recordKey
        self.adoptsRecords = adoptsRecords
        selection = APIRequest.Selection(namespace: namespace, labelSelector: ObjectLabels.selector)
        self.archive = archive
        self.tellEvent = tellEvent
        self.now = now
        self.clock = clock
        self.logger = logger
        (changes, changed) = AsyncStream.makeStream(
            of: DeploymentKey.self, bufferingPolicy: .bufferingNewest(Self.changesLimit))
        (versionsRead, versionRead) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Selects the objects of all controllers, this one and others.
    let selection: APIRequest.Selection

    // MARK: - The record

    package func records() async throws -> [DeploymentKey: StateRecord] {
        seal = try await recordKey.seal()
        let list = try await explaining("ModelDeployments") {
            try await api.list(RecordedModelDeployment.self, selection, keeping: \.digest)
        }
        (known, held, refusals) = ([:], [:], [:])
        var records: [DeploymentKey: StateRecord] = [:]
        var copies: [EventCopy] = []
        for found in list.items {
            take(found)
            // Nobody uses the records of another repository until git wants them; then they are taken over with their objects.
            guard found.object.isKept(by: identity) else { continue }
            records[found.object.deployment] = adoptsRecords ? try await adopted(found) : judged(found)
            hold(records[found.object.deployment], of: found.object.deployment)
            copies += found.copies
        }
        adoptsRecords = false
        try await readKeptRecords()
        try await archive.absorb(copies)
        versionRead.yield(list.version)
        return records
    }

    package func record(for deployment: DeploymentKey) async throws -> StateRecord? {
        seal = try await recordKey.seal()
        guard let found = try await read(deployment)?.digest else {
            held[deployment] = nil
            return nil
        }
        try await archive.absorb(found.copies)
        if known[deployment]?.loss != RecordLoss.none { throw RecordLost(deployment: deployment) }
        let record = judged(found)
        hold(record, of: deployment)
        return record
    }

    @discardableResult
    package func swap(
        _ deployment: DeploymentKey, expecting: Int?, state: Data?, events: [RolloutEvent]
    ) async throws -> Int {
        try await swap(deployment, expecting: expecting, state: state, events: events, status: nil)
    }

    @discardableResult
    package func swap(
        _ deployment: DeploymentKey, expecting: Int?, state: Data?, events: [RolloutEvent], status: DeploymentStatus?
    ) async throws -> Int {
        let memory = try memory(of: deployment, expecting: expecting)
        // Higher than the version that was lost: an older record must never look newer.
        let version = Self.version(
            after: expecting ?? 0, held[deployment]?.version ?? 0, memory.object.recordVersion ?? 0)
        guard let state else {
            try await release(deployment, expecting: expecting)
            return version
        }
        let new = RecordedEvent.following(memory.object.lastEventId, events)
        let record = try await sealed(version, String(decoding: state, as: UTF8.self), of: memory.object)
        var fields: [String: JSONValue] = ["record": record]
        let kept = try new.isEmpty ? memory.events : Self.latest(memory.events, and: new)
        if !new.isEmpty { fields["events"] = try JSONValue(parsing: kept) }
        let shown = status.map { document($0, memory) }
        fields.merge(shown?.fields ?? [:]) { own, _ in own }
        try await patchStatus(fields, of: memory.object, expecting: expecting)
        held[deployment] = CachedRecord(StateRecord(version: version, state: state))
        known[deployment]?.loss = .none
        known[deployment]?.events = kept
        note(shown, deployment)
        if let status { await keepQuarantine(status.quarantined, of: deployment) }
        await tell(events, new, memory.object)
        return version
    }

    /// - Throws: if the decision was not based on the record that is there.
    private func memory(of deployment: DeploymentKey, expecting: Int?) throws -> Memory {
        guard let memory = known[deployment] else {
            if expecting == nil { throw RegisterError.noObject(deployment, refusals[deployment]?.refusal.message) }
            throw StateConflict(deployment: deployment, expected: expecting, found: nil)
        }
        // The status belongs to another controller.
        if let other = memory.object.metadata.labels[RegisterMetadata.controller], other != identity.controller {
            throw RegisterError.anotherController(deployment, other, own: identity.controller)
        }
        guard memory.recordVersion == expecting else {
            if memory.loss != .none { throw RecordLost(deployment: deployment) }
            throw StateConflict(deployment: deployment, expected: expecting, found: memory.object.recordVersion)
        }
        return memory
    }

    package func events(matching filter: EventFilter, limit: Int) async throws -> [StoredEvent] {
        try await archive.events(matching: filter, limit: limit)
    }

    // MARK: - Requests

    /// A merge patch of the status, if the object is still the one that the decision was based on.
    func patchStatus(
        _ fields: [String: JSONValue], of object: ModelDeploymentObject, expecting: Int?
    ) async throws {
        let body: JSONValue = [
            "metadata": ["resourceVersion": .string(object.metadata.resourceVersion ?? "")],
            "status": .object(fields),
        ]
        let request = APIRequest.merge(
            .modelDeployments, object.metadata.key, body: Data(CanonicalJSON.text(body).utf8),
            fieldManager: KubernetesAPI.fieldManager, subresource: "status")
        do {
            try await write(object.deployment) { try await answer(request) }
        } catch let error as APIError where error.isConflict || error.isNotFound && !error.isMissingResource {
            throw await conflict(object.deployment, expecting)
        } catch let error as APIError {
            throw ClusterServingError(error, about: "ModelDeployment \(object.deployment)")
        }
    }

    /// Removes the finalizer, and with it the object: nothing serves any more.
    private func release(_ deployment: DeploymentKey, expecting: Int?) async throws {
        if case .refused(let refusal) = try await withdraw(deployment) { throw refusal }
        guard let found = try await read(deployment) else { return }
        guard known[deployment]?.recordVersion == expecting else { throw await conflict(deployment, expecting) }
        try await dropFinalizer(of: found.object, expecting: expecting)
        known[deployment] = nil
        held[deployment] = nil
        refusals[deployment] = nil
    }

    func dropFinalizer(of object: ModelDeploymentObject, expecting: Int?) async throws {
        guard object.isHeld else { return }
        let others = object.metadata.finalizers.filter { $0 != RegisterMetadata.finalizer }
        let body: JSONValue = [
            "metadata": [
                "resourceVersion": .string(object.metadata.resourceVersion ?? ""),
                "finalizers": .array(others.map(JSONValue.string)),
            ]
        ]
        let request = APIRequest.merge(
            .modelDeployments, object.metadata.key, body: Data(CanonicalJSON.text(body).utf8),
            fieldManager: KubernetesAPI.fieldManager)
        do {
            _ = try await api.answer(to: request)
        } catch let error as APIError where error.isNotFound && !error.isMissingResource {
            return
        } catch let error as APIError where error.isConflict {
            throw await conflict(object.deployment, expecting)
        } catch let error as APIError {
            throw ClusterServingError(error, about: "ModelDeployment \(object.deployment)")
        }
    }

    /// The object as the server has it now; nil if it does not exist.
    func read(_ deployment: DeploymentKey) async throws -> RecordedModelDeployment? {
        let found = try await explaining("ModelDeployment \(deployment)") {
            try await api.get(RecordedModelDeployment.self, deployment.objectKey)
        }
        guard let found else {
            known[deployment] = nil
            return nil
        }
        take(found.digest)
        return found
    }

    func answer(_ request: APIRequest) async throws -> ModelDeploymentObject {
        try JSONDecoder().decode(ModelDeploymentObject.self, from: try await api.answer(to: request))
    }

    /// Reads the object again, so that the next pass uses the newest state.
    private func conflict(_ deployment: DeploymentKey, _ expecting: Int?) async -> any Error {
        let found = try? await read(deployment)
        if known[deployment]?.loss == .found { return RecordLost(deployment: deployment) }
        return StateConflict(deployment: deployment, expected: expecting, found: found?.object.recordVersion)
    }

    func explaining<Value>(_ what: String, _ work: () async throws -> Value) async throws -> Value {
        do { return try await work() } catch let error as APIError { throw ClusterServingError(error, about: what) }
    }

    private func tell(_ events: [RolloutEvent], _ recorded: [RecordedEvent], _ object: ModelDeploymentObject) async {
        guard !events.isEmpty else { return }
        let copies = zip(events, recorded).map {
            EventCopy(deployment: object.deployment, origin: Self.origin, ordinal: $1.id, event: $0)
        }
        do {
            try await archive.absorb(copies)
        } catch {
            logger.warning(
                "Cannot save events", metadata: ["deployment": "\(object.deployment)", "error": "\(error)"])
        }
        for event in events { tellEvent(event, object.owner, object.deployment) }
    }

    /// The newest events, as many as a status keeps.
    private static func latest(_ before: Data, and new: [RecordedEvent]) throws -> Data {
        let all = try JSONDecoder().decode([RecordedEvent].self, from: before) + new
        return try JSONEncoder().encode(Array(all.suffix(RecordedEvent.limit)))
    }
}

extension ClusterStore: DeploymentOwners {
    package func owner(of deployment: DeploymentKey) -> OwnerReference? {
        guard let object = known[deployment]?.object, !object.isTerminating else { return nil }
        return object.owner
    }
}

extension ClusterStore.CachedRecord {
    init(_ record: StateRecord) {
        version = record.version
        state = SpecFingerprint(canonical: String(decoding: record.state, as: UTF8.self))
    }
}

extension ModelDeploymentObject {
    var owner: OwnerReference { .modelDeployment(named: metadata.name, uid: metadata.uid ?? "") }
}

extension RecordSummary {
    var copies: [EventCopy] {
        (events ?? []).map {
            EventCopy(
                deployment: object.deployment, origin: ClusterStore.origin, ordinal: $0.id, event: $0.event)
        }
    }
}

extension DeploymentKey {
    var objectKey: NamespacedName { NamespacedName(namespace: namespace, name: name) }
}
