import Controller
import Foundation
import JSON
import KubernetesClient
import ModelManifests
import Serving
import Transport

extension ClusterStore: DeploymentRegister {
    @discardableResult
    public func announce(_ announcement: Announcement) async throws -> AnnouncementAnswer {
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
                    return .refused(AnnouncementRefusal(error.message, retry: error.retryClass, holdsPass: true))
                }
            }
            let refusal = AnnouncementRefusal(error.message, retry: error.retryClass)
            refusals[key] = RefusedAnnouncement(refusal, of: announcement, at: clock(), after: refused)
            return .refused(refusal)
        }
        try tellLoss(of: key)
        guard known[key]?.corrections.isContested(clock()) == true else { return .shown(warning: nil) }
        return .shown(warning: CorrectionPace.warning(about: "ModelDeployment \(key)"))
    }

    /// Makes the object say what git says.
    /// - Throws: a `RetryableError` where that is refused; `StateConflict` where a record was found that is to be read first.
    private func show(_ announcement: Announcement) async throws {
        let key = announcement.deployment
        // A deletion goes on without us: what is known of it may be old.
        if known[key]?.object.isTerminating == true { _ = try await read(key) }
        let step = RegisterStep(
            announcement, known: known[key]?.object, identity: identity, announced: known[key]?.announced,
            isLetGo: known[key]?.isLetGo ?? false, wasOurs: known[key]?.wasOurs ?? false)
        switch step {
        case .nothing:
            let generation = known[key]?.object.metadata.generation
            known[key]?.agreedGeneration = generation
        case .refuse(let error): throw error
        case .apply: try await applyInTurn(announcement)
        case .letGo:
            try await letGo(key)
            throw RegisterError.beingDeleted(key, [])
        case .recreate: try await recreate(announcement)
        }
        try await restoreRecord(of: key)
    }

    @discardableResult
    public func withdraw(_ deployment: DeploymentKey) async throws -> AnnouncementAnswer {
        try await checkRecord(of: deployment)
        guard let object = known[deployment]?.object, !object.isTerminating else { return .shown(warning: nil) }
        do {
            try await explaining("ModelDeployment \(deployment)") {
                try await api.delete(.modelDeployments, object.metadata.key, uid: object.metadata.uid)
            }
            _ = try await read(deployment)
            return .shown(warning: nil)
        } catch let error as ClusterServingError {
            return .refused(AnnouncementRefusal(error.message, retry: error.retryClass))
        }
    }

    public func report(_ status: DeploymentStatus, of deployment: DeploymentKey) async throws {
        guard known[deployment]?.object.isKept(by: identity) == true else { return }
        await keepQuarantine(status.quarantined, of: deployment)
        guard let memory = known[deployment], let expecting = memory.recordVersion else { return }
        // Most passes change nothing: that is seen without writing a document.
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

    public func isAnothers(_ deployment: DeploymentKey) -> Bool {
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

    /// What git has not changed is put back as `CorrectionPace` says: what is decided goes by git in any case.
    private func applyInTurn(_ announcement: Announcement) async throws {
        let key = announcement.deployment
        let corrects = known[key]?.applied == SpecFingerprint(canonical: announcement.spec)
        if corrects, known[key]?.corrections.isDue(clock()) == false { return }
        try await apply(announcement)
        guard corrects else { return }
        known[key]?.corrections.note(clock())
        logger.notice("Put right what somebody else had changed", metadata: ["object": "ModelDeployment \(key)"])
    }

    /// One request, and a second one where somebody has added what git does not have.
    private func apply(_ announcement: Announcement) async throws {
        let key = announcement.deployment
        guard let spec = try? JSONValue(parsing: Data(announcement.spec.utf8)) else {
            throw RegisterError.unreadableSpec(key)
        }
        // What is not known to be mlctl's is not taken from its owner.
        let isOurs = known[key] != nil
        let body = announcement.object(
            identity, spec: spec, quarantine: isOurs ? known[key]?.quarantine : KeptQuarantine.none)
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

    /// A second deletion, which takes nothing along, stands in the place of the first one. What the object says is kept
    /// before anything of it goes.
    private func letGo(_ key: DeploymentKey) async throws {
        guard let last = try await read(key), last.object.isTerminating else { return }
        logger.warning("Deleted by hand, and wanted by git: made anew", metadata: ["deployment": "\(key)"])
        try await keep(last)
        try await explaining("ModelDeployment \(key)") {
            try await api.delete(
                .modelDeployments, last.metadata.key, uid: last.metadata.uid, propagation: .orphan)
        }
        known[key]?.isLetGo = true
    }

    /// The object goes, and comes back with the record that it had. What it owned is taken over by the next plan.
    private func recreate(_ announcement: Announcement) async throws {
        let key = announcement.deployment
        guard let last = try await read(key) else { return try await apply(announcement) }
        try await keep(last)
        try await dropFinalizer(of: last.object, expecting: last.object.recordVersion)
        known[key] = nil
        try await apply(announcement)
    }

    // MARK: - What is known

    /// What an answer or the watch says about an object. Older than what is known, it says nothing.
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

    func take(_ found: RecordDigest) {
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

    /// What the watch says: whoever is concerned looks again where somebody else has had a hand in it.
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

    /// The watch sees it no more.
    func forget(_ key: DeploymentKey) {
        guard known.removeValue(forKey: key) != nil else { return }
        changed.yield(key)
    }
}

extension ClusterStore.Memory {
    /// The generation that a status is about: that of the spec which is in force. One that somebody else has changed since
    /// is not, and waits until it is put back.
    var statusGeneration: Int? { agreedGeneration ?? object.metadata.generation }
}

extension RegisterError {
    /// Nothing may be decided about it here.
    fileprivate var isAnothers: Bool {
        switch self {
        case .anotherController, .anotherRepository: true
        case .beingDeleted, .outOfSight, .namespaceGoing, .reservedName, .noObject, .unreadableSpec: false
        }
    }

    /// What is being made anew has its record in a ConfigMap, which the next plan would take away.
    fileprivate var isMomentary: Bool {
        guard case .beingDeleted(_, let waitsFor) = self else { return false }
        return waitsFor.allSatisfy { $0 == RegisterWords.orphanFinalizer }
    }
}

extension ModelDeploymentObject {
    func isKept(by identity: RegisterIdentity) -> Bool {
        identity.labels.allSatisfy { metadata.labels[$0.key] == $0.value }
    }

    /// Whether only the status differs, and what others write.
    fileprivate func isAnnounced(like other: ModelDeploymentObject) -> Bool {
        metadata.uid == other.metadata.uid && metadata.generation == other.metadata.generation && isHeld == other.isHeld
            && isTerminating == other.isTerminating && metadata.labels == other.metadata.labels
            && metadata.finalizers == other.metadata.finalizers
    }
}
