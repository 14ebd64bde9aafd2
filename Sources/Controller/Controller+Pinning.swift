import Foundation
import ModelManifests
import Rollouts

/// Finds the digest of mutable model files in parallel with the passes, because it takes a download or the hash of a tree.
extension Controller {
    /// What git wants, with mutable model files pinned to the digest that was found last.
    ///
    /// While the files of a new manifest are being pinned, the result is `.unreadable`: what was wanted before stays in force.
    func desired(for key: DeploymentKey, at site: Site) -> Desired {
        switch manifests.wish(for: key) {
        case .held:
            stopPinning(key)
            return .unreadable
        case .removed:
            stopPinning(key)
            return .removed
        case .manifest(let manifest):
            var deployment = manifest.forDeciding
            let model = deployment.template.model
            guard model.storageURI != nil, model.digest == nil else {
                stopPinning(key)
                return .manifest(deployment, commit: manifests.commit(for: key))
            }
            let known = entries[key]?.pin.flatMap { $0.model == model ? $0 : nil }
            if known?.isFresh != true { pin(model, for: key, at: site) }
            guard let known else { return .unreadable }
            if let digest = known.digest { deployment.template = deployment.template.pinned(to: digest) }
            return .manifest(deployment, commit: manifests.commit(for: key))
        }
    }

    private func pin(_ model: ModelSource, for key: DeploymentKey, at site: Site) {
        let retry = entries[key]?.retries[.pinning]
        if let retry, with.now() < retry.notBefore, entries[key]?.failedPin == model { return }
        guard pins.wish(of: key) != model else { return }
        if let replaced = pins.want(model, for: key) { pinTasks[replaced]?.cancel() }
        // If the pin has ended by then, `notePinning` does nothing.
        _ = limits.set(after: configuration.limits.quietPinning) { Task { await self.notePinning(model, of: key) } }
        beginPins()
    }

    private func stopPinning(_ key: DeploymentKey) {
        if let number = pins.want(nil, for: key) { pinTasks[number]?.cancel() }
        entries[key]?.troubles[.pinning] = nil
        entries[key]?.retries[.pinning] = nil
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
                let result: Result<Digest?, any Error>
                do { result = .success(try await site.backend.pin(job.model)) } catch { result = .failure(error) }
                self.limits.lift(timer)
                self.pinEnded(job, result)
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
            entries[job.deployment]?.pin = Pin(model: job.model, digest: digest, isFresh: true)
            entries[job.deployment]?.troubles[.pinning] = nil
            entries[job.deployment]?.retries[.pinning] = nil
            runner.add(
                .deployment(job.deployment), urgency: entries[job.deployment]?.state == nil ? .routine : .changing)
        case .failure(let error):
            pinFailed(job, Self.explain(error).text)
        }
    }

    private func pinTimedOut(_ job: PinQueue.Job, _ limit: Duration) {
        guard pins.gaveUp(job.number) else { return }
        pinTasks[job.number]?.cancel()
        pinFailed(job, "the files of model \(job.model.storageURI ?? "") could not be read within \(limit.goText)")
    }

    private func pinFailed(_ job: PinQueue.Job, _ text: String) {
        entries[job.deployment]?.troubles[.pinning] = text
        entries[job.deployment]?.failedPin = job.model
        entries[job.deployment]?.retries[.pinning, default: StepRetry()].failed(at: with.now())
        logger.warning("Model not pinned", metadata: ["deployment": "\(job.deployment)", "error": "\(text)"])
        runner.add(.deployment(job.deployment))
    }

    private func notePinning(_ model: ModelSource, of key: DeploymentKey) {
        guard pins.wish(of: key) == model else { return }
        entries[key]?.troubles[.pinning] =
            "its model files (\(model.storageURI ?? "")) are being read to find their digest; what was wanted before "
            + "stays in force until then. This is given up after \(configuration.limits.pinning.goText) and tried again; "
            + "a new model.storageUri in git takes effect at once"
        resumePassWaiters(key)
    }

    /// Nothing is wanted any more: the lead is lost, or the controller stops.
    func stopAllPins() {
        for task in pinTasks.values { task.cancel() }
        for key in entries.keys { _ = pins.want(nil, for: key) }
    }
}
