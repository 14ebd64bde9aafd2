import ControlPorts
import ControllerRuntime
import Foundation
import ModelManifests
import Serving
import Transport

/// Checks git, one project at a time.
extension Controller {
    func look(at name: String) async -> Requeue {
        let waiters = projects[name]?.waiters ?? []
        projects[name]?.waiters = []
        projects[name]?.looks += 1
        guard let source = projects[name]?.source else { return .done }
        if !isAtWork, with.leadership?.anotherLeads == true { lastKnown = nil }  // Outdated: another one leads.
        do {
            let before = await ledgerBefore(source)
            let snapshot = try await source.source.fetch()
            let changed = try await take(snapshot, of: source, before: before)
            for waiter in waiters { waiter.resume(returning: changed) }
            let jitter = Double.random(in: 0.95...1.05)
            return .after(configuration.interval * jitter, .urgent)
        } catch {
            projects[name]?.lookFailures += 1
            let (text, retry) = Self.explain(error)
            if projects[name]?.status.error != text {
                logger.warning("Git cannot be read", metadata: ["project": "\(name)", "error": "\(text)"])
            }
            projects[name]?.status.error = text
            for waiter in waiters { waiter.resume(throwing: ControlError(.unavailable, text)) }
            return .backoff(retry == .terminal ? .waiting : retry)
        }
    }

    /// What was read of the project before. At the first look after a start, that is the commit that was fetched last.
    private func ledgerBefore(_ source: ProjectSource) async -> ManifestLedger {
        let ledger = manifests.ledger(of: source.name)
        guard ledger.commit.isEmpty else { return ledger }
        // Only once: after the first fetch the commit that was read before is not known any more.
        if let recalled = projects[source.name]?.recalled { return recalled }
        do {
            var recalled = ledger
            if let last = try await source.source.lastRead() {
                recalled = try await bounded(ManifestReading.limit) {
                    try await ManifestReading.recall(last, source: source)
                }
            }
            projects[source.name]?.recalled = recalled
            return recalled
        } catch {
            logger.warning(
                "The commit that was read last cannot be read again",
                metadata: ["project": "\(source.name)", "error": "\(Self.explain(error).text)"])
            return ledger
        }
    }

    /// - Returns: the deployments that the commit changed.
    private func take(
        _ snapshot: ManifestSnapshot, of source: ProjectSource, before: ManifestLedger
    ) async throws -> Set<DeploymentKey> {
        let name = source.name
        let reading = try await bounded(ManifestReading.limit) {
            [reserved = reservedPorts, records = manifests.recordedManifests(of: name)] in
            try await ManifestReading.read(
                snapshot, into: before, records: records, source: source, reserved: reserved)
        }
        let changed = manifests.absorb(
            reading.ledger, of: name, changed: reading.absorbed.changed, holders: portHolders,
            inUse: { self.demand(of: $0) }, wanted: { self.demand(toServe: $0) })
        // Records may have been found while the commit was being read.
        let found = meetInProjects(manifests.known(to: name))
        projects[name]?.status.commit = snapshot.commit
        projects[name]?.status.fetchedAt = with.now()
        projects[name]?.status.error = reading.absorbed.warning ?? found[name]
        projects[name]?.hasLooked = true
        projects[name]?.recalled = nil
        notePolicy(of: source, reading.ledger)
        for key in changed {
            if entries[key] == nil {
                if manifests.isLeftOut(key) { continue }
                entries[key] = Entry(firstSeenAt: with.now())
            }
            // Deployments that already serve come first: a commit that reverts something must not wait behind many new ones.
            let isServed = entries[key]?.state != nil
            runner.add(.deployment(key), urgency: isServed ? .changing : .routine)
        }
        for (key, entry) in entries where manifests.owner(of: key) == name {
            // Unchanged deployments need no pass: they follow the new commit like the previous one.
            if !changed.contains(key), entry.commit == before.commit {
                entries[key]?.commit = snapshot.commit
                if snapshot.commit != before.commit { reviewRevert(of: key) }
            }
            let since = manifests.diagnostics(of: key).isEmpty ? nil : entry.invalidSince ?? with.now()
            if entry.invalidSince != since { entries[key]?.invalidSince = since }
        }
        for key in manifests.mutableModels(ofProject: name).subtracting(changed) { checkSource(of: key) }
        if !changed.isEmpty {
            logger.info(
                "Commit read",
                metadata: ["project": "\(name)", "commit": "\(snapshot.commit)", "changed": "\(changed.count)"])
        }
        return changed
    }

    /// Holds those of the deployments that the commits read so far do not describe, and has the repositories read again.
    ///
    /// - Returns: why they are held, by project.
    func meetInProjects(_ found: Set<DeploymentKey>) -> [String: String] {
        let held = manifests.meet(found) { self.projects[$0]?.source.allowsEmpty ?? false }
        for name in held.keys { looks.add(name, urgency: .urgent) }
        return held
    }

    /// Notes which deployments violate the project's policy, and how much of its limits the project uses.
    private func notePolicy(of source: ProjectSource, _ ledger: ManifestLedger) {
        let name = source.name
        projects[name]?.status.diagnostics = manifests.diagnostics(ofProject: name)
        let leftOut = ledger.leftOut + manifests.leftOut(ofProject: name)
        projects[name]?.status.diagnosticsLeftOut = leftOut == 0 ? nil : leftOut
        let usage = manifests.usage(ofProject: name)
        projects[name]?.status.limits = usage.isEmpty ? nil : usage
        if projects[name]?.status.error == nil {
            projects[name]?.status.error = source.rules.unknownRuntimes(beside: ledger.runtimeNames)
        }
    }

    private var reservedPorts: ReservedPorts {
        ReservedPorts(controller: configuration.apiPort, probes: configuration.probePort, holders: portHolders)
    }

    /// Which deployment holds each port of this machine. If several want a port, the holder keeps it.
    var portHolders: [Int: DeploymentKey] {
        Dictionary(
            entries.compactMap { key, entry in
                guard let state = entry.state, state.target == .local, state.stable != nil,
                    let port = state.settings.endpoint.port
                else { return nil }
                return (port, key)
            }, uniquingKeysWith: min)
    }

    /// The resources of all revisions of a deployment that serve or are being loaded.
    func demand(of key: DeploymentKey) -> ProjectDemand {
        guard let entry = entries[key], let state = entry.state else { return ProjectDemand() }
        let decided = state.demand(entry.observed)
        // Revisions that stay warm after a promotion are only in the plan.
        guard let plan = entry.plan else { return decided }
        return plan.revisions.reduce(ProjectDemand()) { sum, revision in
            sum + ProjectDemand(replicas: revision.replicas, of: revision.template, at: plan.target)
        }.peak(decided)
    }

    /// The most that a deployment needs at any time until its manifest is carried out.
    func demand(toServe deployment: ModelDeployment) -> ProjectDemand {
        let entry = entries[deployment.key]
        return deployment.demand(from: entry?.state, entry?.observed)
    }

    /// The message of an error for people, and its retry class.
    static func explain(_ error: any Error) -> (text: String, retry: RetryClass) {
        if let error = error as? any RetryableError { return (error.message, error.retryClass) }
        if let error = error as? ControlError { return (error.message, .transient) }
        if error is CancellationError { return (stopping.message, .transient) }
        return ("\(error)", .transient)
    }
}
