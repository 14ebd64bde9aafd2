import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import Serving
import Transport

/// The calls that a pass makes to other components, and what it does if one gets no answer. Each call fails separately.
extension Controller {
    /// Shows at the site what git says, before anything is decided by it. A manifest that is held back is not shown.
    ///
    /// - Returns: the site's answer. If the site does not answer in time, the pass continues with what git says, because the
    ///   record decides.
    func announce(
        _ key: DeploymentKey, _ desired: Desired, at site: Site
    ) async throws -> PublishResult {
        guard let register = site.register else { return .shown(warning: nil) }
        switch desired {
        case .unreadable: return .shown(warning: nil)
        case .removed:
            guard entries[key]?.state != nil else { return .shown(warning: nil) }
            return try await tell(.removed, of: key) { try await register.withdraw(key) }
        case .manifest(_, let commit):
            guard case .manifest(let deployment) = manifests.wish(for: key),
                entries[key]?.state?.target.hasSameLocation(as: deployment.target) != false,
                let announcement = PublishedManifest(deployment, commit: commit)
            else { return .shown(warning: nil) }
            return try await tell(.announced(announcement), of: key) { try await register.announce(announcement) }
        }
    }

    /// - Throws: if nothing may be decided now, because the record changed or the deployment belongs to another controller.
    private func tell(
        _ what: MirrorUpdate, of key: DeploymentKey,
        _ operation: @escaping @Sendable () async throws -> PublishResult
    ) async throws -> PublishResult {
        if let retry = entries[key]?.retries[.announcing], with.now() < retry.notBefore,
            entries[key]?.refusedAnnouncement == what
        {
            return .shown(warning: nil)
        }
        do {
            let answer = try await call(
                .announcing, of: key, within: configuration.limits.announcing, late: { _, _ in }, operation)
            guard case .refused = answer else {
                entries[key]?.troubles[.announcing] = nil
                entries[key]?.retries[.announcing] = nil
                return answer
            }
            // The register itself retries refused announcements with increasing delays.
            return answer
        } catch let error as RetryableError {
            throw PublishRefusal(error.message, retry: error.retryClass)
        } catch let error where error is CancellationError || error is StateConflict || error is RecordLost {
            throw error
        } catch {
            note(Self.explain(error).text, .announcing, of: key)
            entries[key]?.retries[.announcing, default: StepRetry()].failed(at: with.now())
            entries[key]?.failure = Self.explain(error).retry
            entries[key]?.refusedAnnouncement = what
            return .shown(warning: nil)
        }
    }

    /// The quarantine that the site still knows after a record was lost.
    func knownQuarantine(of key: DeploymentKey, at site: Site) async -> [Quarantine]? {
        guard let register = site.register else {
            return try? await bounded(configuration.limits.observing) { await site.store.knownQuarantine(of: key) }
        }
        guard let known = try? await bounded(configuration.limits.announcing, { await register.quarantine(of: key) })
        else { return nil }
        return known.map { Quarantine(revision: $0.revision, version: $0.version, reason: $0.reason, at: $0.at) }
    }

    func observe(_ key: DeploymentKey, at site: Site) async -> Observation? {
        if let late = entries[key]?.lateObservation {
            entries[key]?.lateObservation = nil
            entries[key]?.troubles[.observing] = nil
            return late
        }
        do {
            return try await step(
                .observing, of: key, within: configuration.limits.observing,
                late: { controller, result in
                    if case .success(let observed) = result { controller.entries[key]?.lateObservation = observed }
                }, { try await site.backend.observe(key) })
        } catch {
            return nil  // Throws only when cancelled, which the pass checks next.
        }
    }

    func readings(for key: DeploymentKey, from metrics: any MetricSource) async -> [Reading]? {
        guard entries[key]?.state?.rollout != nil else {
            entries[key]?.troubles[.readings] = nil
            return nil
        }
        do {
            return try await step(
                .readings, of: key, within: configuration.limits.readings, prefix: "no readings: ",
                { try await metrics.readings(for: key) })
        } catch {
            return nil  // Throws only when cancelled, which the pass checks next.
        }
    }

    /// Runs one step. If it fails, the failure is noted in the entry.
    ///
    /// - Returns: nil if the step failed or took too long.
    /// - Throws: only if the whole pass must end.
    func step<Value: Sendable>(
        _ step: PassStep, of key: DeploymentKey, within limit: Duration, prefix: String = "",
        late: @escaping @Sendable (isolated Controller, Result<Value, any Error>) -> Void = { _, _ in },
        _ operation: @escaping @Sendable () async throws -> Value
    ) async throws -> Value? {
        do {
            let value = try await call(step, of: key, within: limit, late: late, operation)
            entries[key]?.troubles[step] = nil
            entries[key]?.retries[step] = nil
            return value
        } catch let error as CancellationError {
            throw error
        } catch let conflict as StateConflict {
            throw conflict
        } catch {
            note(prefix + Self.explain(error).text, step, of: key)
            entries[key]?.retries[step, default: StepRetry()].failed(at: with.now())
            entries[key]?.failure = Self.explain(error).retry
            return nil
        }
    }

    func note(_ text: String, _ step: PassStep, of key: DeploymentKey) {
        if entries[key]?.troubles[step] != text, entries[key]?.retries[step] == nil {
            logger.warning(
                "A step of a pass failed", metadata: ["deployment": "\(key)", "step": "\(step)", "error": "\(text)"])
        }
        entries[key]?.troubles[step] = text
    }
}
