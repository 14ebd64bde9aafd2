import Foundation
import ModelManifests
import Rollouts
import Serving
import Transport

/// What a pass asks of outside, and what it does where no answer comes: each question for itself.
extension Controller {
    /// What git says, to the site, before anything is decided by it. What is held back is not said.
    ///
    /// - Returns: what became of it there. Where the site cannot be asked in time, the pass goes on by what git says: the
    ///   record decides.
    func announce(
        _ key: DeploymentKey, _ desired: Desired, at site: Site
    ) async throws -> AnnouncementAnswer {
        guard let register = site.register else { return .shown(warning: nil) }
        switch desired {
        case .unreadable: return .shown(warning: nil)
        case .removed:
            guard entries[key]?.state != nil else { return .shown(warning: nil) }
            return try await tell(.removed, of: key) { try await register.withdraw(key) }
        case .manifest(_, let commit):
            guard case .manifest(let deployment) = manifests.wish(for: key),
                entries[key]?.state?.target.isSamePlace(as: deployment.target) != false,
                let announcement = Announcement(deployment, commit: commit)
            else { return .shown(warning: nil) }
            return try await tell(.announced(announcement), of: key) { try await register.announce(announcement) }
        }
    }

    /// - Throws: where nothing may be decided now: the record is another, or the deployment is somebody else's.
    private func tell(
        _ what: Announced, of key: DeploymentKey,
        _ operation: @escaping @Sendable () async throws -> AnnouncementAnswer
    ) async throws -> AnnouncementAnswer {
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
            // The register itself repeats what was refused more and more seldom.
            return answer
        } catch let error as RetryableError {
            throw AnnouncementRefusal(error.message, retry: error.retryClass)
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

    /// What the site still knows of a record that is lost.
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
            return nil  // Cancelled: the pass sees that next.
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
            return nil  // Cancelled: the pass sees that next.
        }
    }

    /// One step that may fail, and be noted.
    ///
    /// - Returns: nil where it failed or took too long.
    /// - Throws: only where the pass has to end.
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
