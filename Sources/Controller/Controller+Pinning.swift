import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import Serving

/// Finds the digest of mutable model files in parallel with the passes, because it takes a download or the hash of a tree.
///
/// A model is pinned once for each commit that changes it: its version, location or format. The pin is part of the record, so
/// neither a restart nor a commit to something else pins it again.
extension Controller {
    /// What git wants, with mutable model files pinned.
    ///
    /// While the files of a new manifest are being pinned, the result is `.unpinned`: what was wanted before stays in force.
    func desired(for key: DeploymentKey, at site: Site) -> Desired {
        switch manifests.wish(for: key) {
        case .held:
            stopPinning(key)
            return .unreadable
        case .removed:
            stopPinning(key)
            entries[key]?.pin = nil
            return .removed
        case .manifest(let manifest):
            var deployment = manifest.forDeciding
            let model = deployment.template.model
            let commit = manifests.commit(for: key)
            guard model.storageURI != nil, model.digest == nil else {
                stopPinning(key)
                entries[key]?.pin = nil
                return .manifest(deployment, commit: commit)
            }
            guard let pin = pin(of: model, for: key) else {
                startPin(of: model, for: key)
                let hasFailed = entries[key]?.failedPin == model || pins.wish(of: key) == model
                return .unpinned(
                    deployment, commit: commit, reason: hasFailed ? entries[key]?.troubles[.pinning] : nil)
            }
            if pins.isPinning(key) || entries[key]?.troubles[.pinning] != nil { stopPinning(key) }
            if let digest = pin.digest { deployment.template = deployment.template.pinned(to: digest) }
            return .manifest(deployment, commit: commit)
        }
    }

    /// The pin that is in force: that of the record, or else one that was found and is not recorded yet.
    private func pin(of model: ModelSource, for key: DeploymentKey) -> Pin? {
        if let known = entries[key]?.state?.knownPin(of: model) {
            let pin = Pin(model: model, digest: known.digest, commit: known.commit)
            if entries[key]?.pin != pin { entries[key]?.pin = pin }
            return pin
        }
        return entries[key]?.pin.flatMap { $0.model == model ? $0 : nil }
    }

    private func startPin(of model: ModelSource, for key: DeploymentKey) {
        if entries[key]?.failedPin != model {
            entries[key]?.failedPin = nil
            entries[key]?.retries[.pinning] = nil
            if pins.wish(of: key) != model { entries[key]?.troubles[.pinning] = nil }
        }
        if let retry = entries[key]?.retries[.pinning], with.now() < retry.notBefore { return }
        guard pins.wish(of: key) != model else { return }
        if let replaced = pins.want(model, for: key) { pinTasks[replaced]?.cancel() }
        // If the pin has ended by then, `notePinning` does nothing.
        _ = limits.set(after: configuration.limits.quietPinning) { Task { await self.notePinning(model, of: key) } }
        beginPins()
    }

    func stopPinning(_ key: DeploymentKey) {
        if pins.isPinning(key), let number = pins.want(nil, for: key) { pinTasks[number]?.cancel() }
        entries[key]?.troubles[.pinning] = nil
        entries[key]?.retries[.pinning] = nil
        entries[key]?.failedPin = nil
    }

    private func beginPins() {
        for job in pins.begin() {
            guard let name = pinSite(of: job.deployment), let site = with.sites[name] else {
                _ = pins.ended(job.number)
                continue
            }
            let limit = configuration.limits.pinning
            let timer = limits.set(after: limit) { Task { await self.pinTimedOut(job, limit) } }
            // Owned by `pinTasks`: cancelled when it is no longer wanted, and when the controller stops.
            pinTasks[job.number] = Task {
                switch job.purpose {
                case .pin:
                    let result: Result<Digest?, any Error>
                    do { result = .success(try await site.backend.pin(job.model)) } catch { result = .failure(error) }
                    self.limits.lift(timer)
                    self.pinEnded(job, result)
                case .check(let digest):
                    // A source that does not answer has not changed, as far as anybody knows.
                    let found = (try? await site.backend.check(job.model, against: digest)) ?? .unknown
                    self.limits.lift(timer)
                    self.checkEnded(job, found)
                }
            }
        }
    }

    private func pinSite(of key: DeploymentKey) -> SiteName? {
        if let site = entries[key]?.site { return site }
        guard case .manifest(let deployment) = manifests.wish(for: key) else { return nil }
        return try? with.sites.name(for: deployment.target)  // The pass reports why there is no site.
    }

    private func pinEnded(_ job: PinQueue.Job, _ result: Result<Digest?, any Error>) {
        pinTasks[job.number] = nil
        let isWanted = pins.ended(job.number)
        beginPins()
        guard isWanted else { return }
        switch result {
        case .success(let digest):
            let key = job.deployment
            entries[key]?.pin = Pin(model: job.model, digest: digest, commit: manifests.commit(for: key))
            entries[key]?.troubles[.pinning] = nil
            entries[key]?.retries[.pinning] = nil
            entries[key]?.failedPin = nil
            runner.add(.deployment(key), urgency: entries[key]?.state == nil ? .routine : .changing)
        case .failure(let error):
            pinFailed(job, Self.explain(error).text)
        }
    }

    private func pinTimedOut(_ job: PinQueue.Job, _ limit: Duration) {
        guard pins.gaveUp(job.number) else { return }
        pinTasks[job.number]?.cancel()
        guard job.purpose == .pin else { return }
        pinFailed(job, "the files of model \(job.model.storageURI ?? "") could not be read within \(limit.goText)")
    }

    private func pinFailed(_ job: PinQueue.Job, _ text: String) {
        let key = job.deployment
        let isOver = entries[key]?.state?.awaited?.isOver == true
        entries[key]?.troubles[.pinning] = text
        entries[key]?.failedPin = job.model
        entries[key]?.retries[.pinning, default: StepRetry()].failed(
            at: with.now(), mostSeconds: isOver ? StepRetry.mostSecondsWhenOver : StepRetry.mostSeconds)
        logger.warning("Model not pinned", metadata: ["deployment": "\(key)", "error": "\(text)"])
        runner.add(.deployment(key))
    }

    private func notePinning(_ model: ModelSource, of key: DeploymentKey) {
        guard pins.wish(of: key) == model else { return }
        resumePassWaiters(key)
        guard entries[key]?.failedPin != model else { return }  // Why it failed says more.
        entries[key]?.troubles[.pinning] =
            "its model files (\(model.storageURI ?? "")) are being read to find their digest; what was wanted before "
            + "stays in force until then. This is given up after \(configuration.limits.pinning.goText) and tried again; "
            + "a new model.storageUri in git takes effect at once"
        runner.add(.deployment(key))
    }

    // MARK: - Changes without a commit

    /// Looks whether the files at the model's location are still those that were pinned.
    func checkSource(of key: DeploymentKey) {
        guard isAtWork, case .manifest(let deployment) = manifests.wish(for: key),
            let pin = entries[key]?.pin, pin.model == deployment.template.model, let digest = pin.digest
        else { return }
        pins.check(pin.model, against: digest, for: key)
        beginPins()
    }

    private func checkEnded(_ job: PinQueue.Job, _ found: ModelSourceCheck) {
        pinTasks[job.number] = nil
        let isWanted = pins.ended(job.number)
        beginPins()
        guard isWanted, let pin = entries[job.deployment]?.pin, let digest = pin.digest,
            job.purpose == .check(digest), pin.model == job.model
        else { return }
        let change: SourceChange?
        switch found {
        case .unknown: return
        case .unchanged: change = nil
        case .changed: change = SourceChange(pin: pin, isMissing: false)
        case .missing: change = SourceChange(pin: pin, isMissing: true)
        }
        guard entries[job.deployment]?.sourceChange != change else { return }
        entries[job.deployment]?.sourceChange = change
        if let change {
            logger.warning(
                "The files of a model changed without a commit",
                metadata: ["deployment": "\(job.deployment)", "change": "\(change.text)"])
        }
    }

    /// What to say of the location of the model that git asks for; nil if it holds what was pinned.
    func sourceChangeText(_ entry: Entry) -> String? {
        guard let change = entry.sourceChange, change.pin == entry.pin else { return nil }
        return change.text
    }

    /// Nothing is wanted any more: the lead is lost, or the controller stops.
    func stopAllPins() {
        for task in pinTasks.values { task.cancel() }
        for key in entries.keys { _ = pins.want(nil, for: key) }
    }
}

extension Desired {
    /// The commit that the manifest is of; nil if there is none, or none that can be read.
    var commit: String? {
        switch self {
        case .manifest(_, let commit), .unpinned(_, let commit, _): commit
        case .unreadable, .removed: nil
        }
    }
}
