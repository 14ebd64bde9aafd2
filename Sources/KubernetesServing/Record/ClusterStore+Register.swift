import ControlPorts
import Foundation
import JSON
import KubernetesClient
import ModelManifests
import Serving
import Transport

extension ClusterStore: DesiredStateMirror {
    @discardableResult
    package func announce(_ announcement: PublishedManifest) async throws -> PublishResult {
        let key = announcement.deployment
        if let only = selection.namespace, key.namespace != only { throw RegisterError.outOfSight(key, only: only) }
        if ObjectNames.reserved.contains(key.name) { throw RegisterError.reservedName(key) }
        try await checkRecord(of: key)
        let refused = refusals[key]
        if let refused, !refused.isDue(announcement, now: clock()) { return .refused(refused.refusal) }
        do {
            try await show(announcement)
            refusals[key] = nil
        } catch let error as any RetryableError {
            if let error = error as? RegisterError {
                if error.isAnothers { throw error }
                if error.isMomentary {
                    return .refused(PublishRefusal(error.message, retry: error.retryClass, holdsPass: true))
                }
            }
            let refusal = PublishRefusal(error.message, retry: error.retryClass)
            refusals[key] = RefusedAnnouncement(refusal, of: announcement, at: clock(), after: refused)
            return .refused(refusal)
        }
        try throwLoss(of: key)
        guard known[key]?.corrections.isContested(clock()) == true else { return .shown(warning: nil) }
        return .shown(warning: RewriteThrottle.warning(about: "ModelDeployment \(key)"))
    }

    /// Updates the object to what git says.
    /// - Throws: a `RetryableError` if that is refused; `StateConflict` if a record was found that must be read first.
    private func show(_ announcement: PublishedManifest) async throws {
        let key = announcement.deployment
        // A deletion proceeds without this controller, so what it knows may be old.
        if known[key]?.object.isTerminating == true { _ = try await read(key) }
        let step = RegisterStep(
            announcement, known: known[key]?.object, identity: identity, announced: known[key]?.announced,
            isLetGo: known[key]?.isLetGo ?? false, wasOurs: known[key]?.wasOurs ?? false)
        switch step {
        case .nothing:
            let generation = known[key]?.object.metadata.generation
            known[key]?.agreedGeneration = generation
        case .refuse(let error): throw error
        case .apply: try await applyThrottled(announcement)
        case .letGo:
            try await letGo(key)
            throw RegisterError.beingDeleted(key, [])
        case .recreate: try await recreate(announcement)
        }
        try await restoreRecord(of: key)
    }

    @discardableResult
    package func withdraw(_ deployment: DeploymentKey) async throws -> PublishResult {
        try await checkRecord(of: deployment)
        guard let object = known[deployment]?.object, !object.isTerminating else { return .shown(warning: nil) }
        do {
            try await explaining("ModelDeployment \(deployment)") {
                try await api.delete(.modelDeployments, object.metadata.key, uid: object.metadata.uid)
            }
            _ = try await read(deployment)
            return .shown(warning: nil)
        } catch let error as ClusterServingError {
            return .refused(PublishRefusal(error.message, retry: error.retryClass))
        }
    }

    package func report(_ status: DeploymentStatus, of deployment: DeploymentKey) async throws {
        guard known[deployment]?.object.isKept(by: identity) == true else { return }
        await keepQuarantine(status.quarantined, of: deployment)
        guard let memory = known[deployment], let expecting = memory.recordVersion else { return }
        // Most passes change nothing; the outline shows that without building a document.
        let outline = StatusDocument.outline(status, generation: memory.statusGeneration)
        guard outline != memory.outline else { return }
        let document = document(status, memory)
        guard document.fingerprint != memory.reported else {
            known[deployment]?.outline = outline
            return
        }
        try await patchStatus(document.fields, of: memory.object, expecting: expecting)
        note(document, deployment)
    }

    package func isAnothers(_ deployment: DeploymentKey) -> Bool {
        known[deployment].map { !$0.object.isKept(by: identity) } ?? false
    }

    func document(_ status: DeploymentStatus, _ memory: Memory) -> StatusDocument {
        StatusDocument(
            status, generation: memory.statusGeneration, before: memory.transitions, now: now())
    }

    func note(_ document: StatusDocument?, _ deployment: DeploymentKey) {
        guard let document else { return }
        known[deployment]?.reported = document.fingerprint
        known[deployment]?.outline = nil
        known[deployment]?.transitions = document.transitions
    }

    /// Changes by others are reverted at the pace of `RewriteThrottle`. Decisions follow git in any case.
    private func applyThrottled(_ announcement: PublishedManifest) async throws {
        let key = announcement.deployment
        let corrects = known[key]?.applied == SpecFingerprint(canonical: announcement.spec)
        if corrects, known[key]?.corrections.isDue(clock()) == false { return }
        try await apply(announcement)
        guard corrects else { return }
        known[key]?.corrections.note(clock())
        logger.notice("Restored what somebody else had changed", metadata: ["object": "ModelDeployment \(key)"])
    }

    /// One request, and a second one if somebody has added fields that git does not have.
    private func apply(_ announcement: PublishedManifest) async throws {
        let key = announcement.deployment
        guard let spec = try? JSONValue(parsing: Data(announcement.spec.utf8)) else {
            throw RegisterError.unreadableSpec(key)
        }
        // An object that is not known to be mlctl's is not taken from its owner.
        let isOurs = known[key] != nil
        let body = announcement.object(
            identity, spec: spec, quarantine: isOurs ? known[key]?.quarantine : QuarantineAnnotation.none)
        try await explaining("ModelDeployment \(key)") {
            let answer = try await api.answer(
                to: .apply(
                    .modelDeployments, key.objectKey, body: Data(CanonicalJSON.text(body).utf8),
                    fieldManager: KubernetesAPI.fieldManager, force: isOurs))
            var found = try JSONDecoder().decode(RecordedModelDeployment.self, from: answer)
            take(found.digest)
            if let patch = found.wholeSpec.mergePatch(to: spec) {
                let body: JSONValue = ["spec": patch]
                let answer = try await api.answer(
                    to: .merge(
                        .modelDeployments, key.objectKey, body: Data(CanonicalJSON.text(body).utf8),
                        fieldManager: KubernetesAPI.fieldManager))
                found = try JSONDecoder().decode(RecordedModelDeployment.self, from: answer)
                take(found.digest)
            }
            let fingerprint = SpecFingerprint(canonical: announcement.spec)
            known[key]?.applied = fingerprint
            known[key]?.announced = AnnouncedSpec(fingerprint: fingerprint, generation: found.metadata.generation)
            known[key]?.agreedGeneration = found.metadata.generation
        }
    }

    /// Replaces the first deletion by one that deletes no dependent objects. The object's record is kept before anything is
    /// deleted.
    private func letGo(_ key: DeploymentKey) async throws {
        guard let last = try await read(key), last.object.isTerminating else { return }
        logger.warning("Somebody deleted what git wants: creating it again", metadata: ["deployment": "\(key)"])
        try await keep(last)
        try await explaining("ModelDeployment \(key)") {
            try await api.delete(
                .modelDeployments, last.metadata.key, uid: last.metadata.uid, propagation: .orphan)
        }
        known[key]?.isLetGo = true
    }

    /// Deletes the object and creates it again with its record. The next plan takes over the objects that it owned.
    private func recreate(_ announcement: PublishedManifest) async throws {
        let key = announcement.deployment
        guard let last = try await read(key) else { return try await apply(announcement) }
        try await keep(last)
        try await dropFinalizer(of: last.object, expecting: last.object.recordVersion)
        known[key] = nil
        try await apply(announcement)
    }

    // MARK: - Knowledge of objects

    /// Takes over an object from an answer or the watch. It ignores a version that is older than the known one.
    func take(_ object: ModelDeploymentObject) {
        let key = object.deployment
        if let before = known[key], before.object.metadata.uid == object.metadata.uid {
            guard object.isAtLeastAsNew(as: before.object) else { return }
            known[key]?.object = object
        } else {
            known[key] = Memory(object: object)
        }
        if object.isKept(by: identity) { known[key]?.wasOurs = true }
    }

    func take(_ found: RecordSummary) {
        take(found.object)
        let key = found.object.deployment
        guard known[key]?.object == found.object else { return }
        judge(found)
        known[key]?.quarantine = found.quarantine
        known[key]?.reported = found.reported
        known[key]?.outline = nil
        known[key]?.transitions = found.transitions
        if known[key]?.announced?.generation != found.object.metadata.generation {
            known[key]?.announced = AnnouncedSpec(
                fingerprint: found.spec, generation: found.object.metadata.generation)
        }
        if let events = found.events, let data = try? JSONEncoder().encode(events) { known[key]?.events = data }
    }

    /// Handles a change from the watch. If another writer changed the object, the next pass of its deployment starts.
    func follow(_ object: ModelDeploymentObject) {
        let before = known[object.deployment]?.object
        take(object)
        guard let after = known[object.deployment]?.object, after != before else { return }
        guard after.isKept(by: identity) || before?.isKept(by: identity) == true else { return }
        let isEcho = known[object.deployment]?.writesUnderWay != 0
        let isUnseen = known[object.deployment]?.seenVersion != after.metadata.resourceVersion
        if before == nil || before?.isAnnounced(like: after) == false || isUnseen && !isEcho {
            changed.yield(object.deployment)
        }
    }

    /// The watch no longer shows the object.
    func forget(_ key: DeploymentKey) {
        guard known.removeValue(forKey: key) != nil else { return }
        changed.yield(key)
    }
}

extension ClusterStore.Memory {
    /// The generation that the status describes: the last one whose spec agreed with git. A generation that somebody else has
    /// changed since does not count until it is restored.
    var statusGeneration: Int? { agreedGeneration ?? object.metadata.generation }
}

extension RegisterError {
    /// Whether another controller or repository owns the object, so that nothing may be decided here.
    fileprivate var isAnothers: Bool {
        switch self {
        case .anotherController, .anotherRepository: true
        case .beingDeleted, .outOfSight, .namespaceGoing, .reservedName, .noObject, .unreadableSpec: false
        }
    }

    /// Whether the object is only being created again. Its record is then in a ConfigMap, which the next plan would delete.
    fileprivate var isMomentary: Bool {
        guard case .beingDeleted(_, let waitsFor) = self else { return false }
        return waitsFor.allSatisfy { $0 == RegisterMetadata.orphanFinalizer }
    }
}

extension ModelDeploymentObject {
    func isKept(by identity: RegisterIdentity) -> Bool {
        identity.labels.allSatisfy { metadata.labels[$0.key] == $0.value }
    }

    /// Whether the two differ only in the status, and in fields that others write.
    fileprivate func isAnnounced(like other: ModelDeploymentObject) -> Bool {
        metadata.uid == other.metadata.uid && metadata.generation == other.metadata.generation && isHeld == other.isHeld
            && isTerminating == other.isTerminating && metadata.labels == other.metadata.labels
            && metadata.finalizers == other.metadata.finalizers
    }
}
