import Controller
import Foundation
import JSON
import KubernetesClient
import Logging
import ModelManifests
import Rollouts

/// The state store of one cluster: each deployment's record is in the status of its ModelDeployment.
///
/// # Guarantees
/// - Those of `StateStore`. A swap is one request that carries the `resourceVersion` of the very object whose record was
///   decided upon: whatever somebody else wrote in between makes it a `StateConflict`.
/// - Those of `DeploymentRegister`. An object that is as announced costs no request.
/// - An object that git wants and somebody deletes is made anew with its record. A controller that dies between the two
///   leaves a `KeptRecord` to the next one. In a namespace that is being deleted it is let go at once.
/// - A record is taken for the controller's own only where its key sealed it. What somebody else wrote into a status is seen
///   as a loss; where it is found at the start, nothing is decided about its deployment.
/// - A status that somebody wipes, or replaces by an older one, is seen by the watch: the pass that follows throws
///   `RecordLost`, and the controller's own record is written again, under a version that is higher than both.
///
/// # Assumptions
/// - `run` runs: what others change after `records` were read is seen by its watch. Without it nothing wrong is written,
///   but drift is not seen.
///
/// # Errors
/// `ClusterServingError`, `RegisterError`, and from `swap` `StateConflict` and `RecordLost`.
public actor ClusterStore: StateStore {
    /// Deployments whose change has not been looked at yet; the oldest are forgotten, and seen at their resting interval.
    static let changesLimit = 16_384

    /// Of copies of events: their ids rise over all objects of one name.
    static let origin = "cluster"

    /// What is remembered of one object beside what the server has.
    struct Memory {
        var object: ModelDeploymentObject
        /// JSON of the `[RecordedEvent]` of the status.
        var events = Data("[]".utf8)
        /// `resourceVersion` of the object whose status was last read whole, or written here: another one is somebody else's.
        var seenVersion: String?
        var loss = RecordLoss.none
        /// Writes of this controller's under way: what the watch tells meanwhile may be their own echo.
        var writesUnderWay = 0
        /// Of the status that was written last.
        var reported: SpecFingerprint?
        /// Of the status that came to the same as the one that was written last.
        var outline: Int?
        /// The annotation that outlives the status.
        var quarantine: String?
        var transitions: StatusDocument.Transitions = [:]
        /// As git has it. The server may store something else, in its own way to put it.
        var announced: AnnouncedSpec?
        /// As it was written here last.
        var applied: SpecFingerprint?
        /// Of writes for which git had no reason.
        var corrections = CorrectionPace()
        /// The last generation whose spec said what is in force here: the one that a status is about.
        var agreedGeneration: Int?
        var isLetGo = false
        /// It was seen with this controller's labels.
        var wasOurs = false

        /// What a swap has to expect.
        var recordVersion: Int? { loss == .none ? object.recordVersion : nil }
    }

    /// A record of the controller's that the object does not have any more.
    enum RecordLoss: Equatable {
        case none
        /// The controller has yet to be told.
        case found
        case told
    }

    /// A record as the controller has it.
    struct HeldRecord: Equatable {
        var version: Int
        var state: SpecFingerprint
    }

    public nonisolated let changes: AsyncStream<DeploymentKey>
    let changed: AsyncStream<DeploymentKey>.Continuation
    /// Of the last list of records: behind it the watch begins.
    let versionsRead: AsyncStream<String>
    private let versionRead: AsyncStream<String>.Continuation
    nonisolated let api: KubernetesAPI
    nonisolated let identity: RegisterIdentity
    let recordKey: RecordKey
    /// Of the key; nil until records were read.
    var seal: RecordSeal?
    /// Records that nobody sealed are sealed as they are, at the next reading of all.
    var adoptsRecords: Bool
    let archive: any EventArchive
    let tellEvent: @Sendable (RolloutEvent, OwnerReference, DeploymentKey) -> Void
    let now: @Sendable () -> Date
    let clock: @Sendable () -> Duration
    let logger: Logger
    var known: [DeploymentKey: Memory] = [:]
    /// Of objects that are being made anew.
    var kept: [DeploymentKey: KeptRecord] = [:]
    /// Those of `kept` that an earlier controller left.
    var inherited: Set<DeploymentKey> = []
    /// What the controller has in memory: outlives the object.
    var held: [DeploymentKey: HeldRecord] = [:]
    var refusals: [DeploymentKey: RefusedAnnouncement] = [:]

    /// - Parameters:
    ///   - identity: this controller's among those of the cluster: objects of others are left alone.
    ///   - namespace: the only one that is looked at; nil: all.
    ///   - recordKey: seals this controller's records, and tells them from what others write.
    ///   - adoptsRecords: what is found first is taken for this controller's own, whoever wrote it.
    ///   - archive: keeps copies of all events.
    ///   - tellEvent: makes a Kubernetes Event of one that was decided. Must not wait.
    ///   - clock: rises; its zero means nothing.
    public init(
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

    /// Selects what controllers keep, this one and others.
    let selection: APIRequest.Selection

    // MARK: - The record

    public func records() async throws -> [DeploymentKey: StateRecord] {
        seal = try await recordKey.seal()
        let list = try await explaining("ModelDeployments") {
            try await api.list(RecordedModelDeployment.self, selection, keeping: \.digest)
        }
        (known, held, refusals) = ([:], [:], [:])
        var records: [DeploymentKey: StateRecord] = [:]
        var copies: [EventCopy] = []
        for found in list.items {
            take(found)
            // Those of another repository are nobody's until git wants them: then they are taken over, records and all.
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

    public func record(for deployment: DeploymentKey) async throws -> StateRecord? {
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
    public func swap(
        _ deployment: DeploymentKey, expecting: Int?, state: Data?, events: [RolloutEvent]
    ) async throws -> Int {
        try await swap(deployment, expecting: expecting, state: state, events: events, status: nil)
    }

    @discardableResult
    public func swap(
        _ deployment: DeploymentKey, expecting: Int?, state: Data?, events: [RolloutEvent], status: DeploymentStatus?
    ) async throws -> Int {
        let memory = try memory(of: deployment, expecting: expecting)
        // Above the one that was lost: an older record never looks like a newer one.
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
        held[deployment] = HeldRecord(StateRecord(version: version, state: state))
        known[deployment]?.loss = .none
        known[deployment]?.events = kept
        note(shown, deployment)
        if let status { await keepQuarantine(status.quarantined, of: deployment) }
        await tell(events, new, memory.object)
        return version
    }

    /// - Throws: where what was decided was not decided on what is there.
    private func memory(of deployment: DeploymentKey, expecting: Int?) throws -> Memory {
        guard let memory = known[deployment] else {
            if expecting == nil { throw RegisterError.noObject(deployment, refusals[deployment]?.refusal.message) }
            throw StateConflict(deployment: deployment, expected: expecting, found: nil)
        }
        // Its status is not this controller's to write.
        if let other = memory.object.metadata.labels[RegisterWords.controller], other != identity.controller {
            throw RegisterError.anotherController(deployment, other, own: identity.controller)
        }
        guard memory.recordVersion == expecting else {
            if memory.loss != .none { throw RecordLost(deployment: deployment) }
            throw StateConflict(deployment: deployment, expected: expecting, found: memory.object.recordVersion)
        }
        return memory
    }

    public func events(matching filter: EventFilter, limit: Int) async throws -> [StoredEvent] {
        try await archive.events(matching: filter, limit: limit)
    }

    // MARK: - Requests

    /// A merge patch of the status, if the object is still the one that was decided upon.
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

    /// The finalizer goes, and the object with it: nothing is left to serve.
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
        let others = object.metadata.finalizers.filter { $0 != RegisterWords.finalizer }
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

    /// As the server has it now; nil where there is none, or it is another controller's.
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

    /// What is known is read anew, so that the next pass goes by it.
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
                "Events are not kept", metadata: ["deployment": "\(object.deployment)", "error": "\(error)"])
        }
        for event in events { tellEvent(event, object.owner, object.deployment) }
    }

    /// The newest that a status keeps.
    private static func latest(_ before: Data, and new: [RecordedEvent]) throws -> Data {
        let all = try JSONDecoder().decode([RecordedEvent].self, from: before) + new
        return try JSONEncoder().encode(Array(all.suffix(RecordedEvent.limit)))
    }
}

extension ClusterStore: DeploymentOwners {
    public func owner(of deployment: DeploymentKey) -> OwnerReference? {
        guard let object = known[deployment]?.object, !object.isTerminating else { return nil }
        return object.owner
    }
}

extension ClusterStore.HeldRecord {
    init(_ record: StateRecord) {
        version = record.version
        state = SpecFingerprint(canonical: String(decoding: record.state, as: UTF8.self))
    }
}

extension ModelDeploymentObject {
    var owner: OwnerReference { .modelDeployment(named: metadata.name, uid: metadata.uid ?? "") }
}

extension RecordDigest {
    var copies: [EventCopy] {
        (events ?? []).map {
            EventCopy(
                deployment: object.deployment, origin: ClusterStore.origin, ordinal: $0.id, event: $0.event)
        }
    }
}

extension DeploymentKey {
    var objectKey: ObjectKey { ObjectKey(namespace: namespace, name: name) }
}
