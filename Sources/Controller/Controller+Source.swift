import ControllerRuntime
import Foundation
import ModelManifests
import Serving

/// Looking at git.
extension Controller {
    func lookAtSource() async -> Requeue {
        let waiters = lookWaiters
        lookWaiters = []
        counts.looks += 1
        if !isAtWork, with.leadership?.anotherLeads == true { lastKnown = nil }  // It is of no use any more.
        do {
            let snapshot = try await with.source.fetch()
            let changed = try await take(snapshot)
            for waiter in waiters { waiter.resume(returning: changed) }
            let jitter = Double.random(in: 0.95...1.05)
            return .after(configuration.interval * jitter, .urgent)
        } catch {
            counts.lookFailures += 1
            let (text, retry) = Self.explain(error)
            if sourceStatus.error != text { logger.warning("Git cannot be read", metadata: ["error": "\(text)"]) }
            sourceStatus.error = text
            for waiter in waiters { waiter.resume(throwing: ControlError(.unavailable, text)) }
            return .backoff(retry == .terminal ? .waiting : FailureClass(retry))
        }
    }

    /// - Returns: deployments that the commit changed.
    private func take(_ snapshot: ManifestSnapshot) async throws -> Set<DeploymentKey> {
        let parsed = await manifests.parseNew(in: snapshot)
        let known = Set(entries.compactMap { $0.value.state == nil ? nil : $0.key })
        let previous = manifests.commit
        let absorbed = manifests.absorb(
            snapshot, parsed: parsed, known: known, allowsEmpty: configuration.allowsEmpty,
            reserved: ReservedPorts(
                controller: configuration.apiPort, probes: configuration.probePort, holders: portHolders))
        sourceStatus.commit = snapshot.commit
        sourceStatus.fetchedAt = with.now()
        sourceStatus.error = absorbed.warning
        sourceStatus.diagnostics = manifests.diagnostics
        hasLooked = true
        for key in entries.keys {
            entries[key]?.pin?.isFresh = false
            // Nothing to do for it: it follows the new commit as it did the one before.
            if !absorbed.changed.contains(key), entries[key]?.commit == previous {
                entries[key]?.commit = snapshot.commit
            }
        }
        for key in absorbed.changed.union(manifests.mutableModels) {
            if entries[key] == nil { entries[key] = Entry(firstSeenAt: with.now()) }
            // What serves goes before what is new: a commit that takes something back is not to wait for many that begin.
            let isServed = entries[key]?.state != nil && absorbed.changed.contains(key)
            runner.add(.deployment(key), urgency: isServed ? .changing : .routine)
        }
        let invalid = Set(manifests.diagnostics.compactMap(\.deployment))
        for (key, entry) in entries {
            let since = invalid.contains(key) ? entry.invalidSince ?? with.now() : nil
            if entry.invalidSince != since { entries[key]?.invalidSince = since }
        }
        if !absorbed.changed.isEmpty {
            logger.info(
                "Commit read",
                metadata: ["commit": "\(snapshot.commit)", "changed": "\(absorbed.changed.count)"])
        }
        return absorbed.changed
    }

    /// Who answers at which port of this machine: of several that want one, it is theirs.
    private var portHolders: [Int: DeploymentKey] {
        Dictionary(
            entries.compactMap { key, entry in
                guard let state = entry.state, state.target == .local, state.stable != nil,
                    let port = state.settings.endpoint.port
                else { return nil }
                return (port, key)
            }, uniquingKeysWith: min)
    }

    /// What an error says to people, and how it may be retried.
    static func explain(_ error: any Error) -> (text: String, retry: RetryClass) {
        if let error = error as? any RetryableError { return (error.message, error.retryClass) }
        if let error = error as? ControlError { return (error.message, .transient) }
        if error is CancellationError { return (stopping.message, .transient) }
        return ("\(error)", .transient)
    }
}

extension FailureClass {
    init(_ retry: RetryClass) {
        switch retry {
        case .transient: self = .transient
        case .waiting: self = .waiting
        case .terminal: self = .terminal
        }
    }
}
