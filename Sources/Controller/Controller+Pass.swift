import ControlPorts
import ControllerRuntime
import Foundation
import ModelManifests
import Rollouts
import Serving

/// One pass over one deployment: announce, observe, decide, record, apply.
///
/// A failed step does not end the pass, and no step waits longer than its limit. The failure is noted in the status, and the
/// other steps continue with what is known. Two things end a pass: another controller decided (`StateConflict`), or the lead is
/// lost.
extension Controller {
    /// The delay before a site that refused for a transient reason is asked again.
    static let refusalDelay: Duration = .seconds(2)

    typealias Place = (name: SiteName, site: Site)

    func reconcile(_ key: DeploymentKey) async -> Requeue {
        counts.passes += 1
        if entries[key] == nil {
            // A site reports changes of objects that belong to other controllers too. Those are not shown here.
            guard case .manifest = manifests.wish(for: key) else { return .done }
            meet(key)
        }
        let waiters = entries[key]?.passWaiters ?? []
        entries[key]?.passWaiters = []
        defer {
            entries[key]?.troubles.settle(at: with.now())
            endWait(of: waiters, key)
        }
        guard isAtWork else {
            refusePending(key, followerText)
            return .done
        }
        let place: Place?
        do {
            place = try self.place(of: key)
        } catch {
            return failWithoutSite(key, error)
        }
        guard let place else {
            notDeployed(key)
            return .done
        }
        guard occupyWorker(of: place.name, key) else { return .after(Self.crowdedSiteDelay) }
        defer { freeWorker(of: place.name) }
        return await reconcile(key, at: place)
    }

    /// Callers that wait for a pass also wait until its model files are pinned, unless pinning has trouble.
    private func endWait(of waiters: [CheckedContinuation<Void, Never>], _ key: DeploymentKey) {
        if !waiters.isEmpty, pins.isPinning(key), entries[key]?.troubles[.pinning] == nil {
            entries[key]?.passWaiters += waiters
        } else {
            for waiter in waiters { waiter.resume() }
        }
    }

    func resumePassWaiters(_ key: DeploymentKey) {
        for waiter in entries[key]?.passWaiters ?? [] { waiter.resume() }
        entries[key]?.passWaiters = []
    }

    private func reconcile(_ key: DeploymentKey, at place: Place) async -> Requeue {
        let begun = term
        entries[key]?.failure = nil
        do {
            if entries[key]?.mustReload == true { await reload(key, at: place) }
            if entries[key]?.unreadableRecord != nil, await isStillUnreadable(key, at: place) {
                return holdUnreadable(key)
            }
            try check(begun)
            try await writeUnrecordedDecisions(key, at: place)
            with.owners?.note(manifests.owner(of: key), of: key)
            var desired = self.desired(for: key, at: place.site)
            let answer = try await announce(key, desired, at: place.site)
            try check(begun)
            if case .refused(let refusal) = answer {
                entries[key]?.troubles[.announcing] = refusal.message
                guard entries[key]?.state != nil, !refusal.holdsPass else { return holdAfterRefusal(key, refusal) }
                // What the site accepted last stays in force. Gates, commands and drift repair continue.
                desired = .unreadable
            }
            async let readings = self.readings(for: key, from: place.site.metrics)
            async let seen = self.observe(key, at: place.site)
            var (observed, counters) = (await seen, await readings)
            try check(begun)
            try Task.checkCancellation()
            if case .shown(let warning?) = answer { observed?.problems.append(warning) }
            guard let observed else { return try await passWithoutObservation(key, at: place, desired) }
            entries[key]?.observed = observed
            await noteOutage(of: key, at: place)
            try check(begun)
            let requeue = try await pass(key, at: place, desired, observed, counters)
            return answer.isTransientRefusal ? requeue.noLater(than: Self.refusalDelay) : requeue
        } catch is RecordLost {
            logger.warning("The record is gone: writing it again", metadata: ["deployment": "\(key)"])
            guard leads(begun) else { return isAtWork ? .after(Self.leadershipDelay) : .done }
            entries[key]?.version = nil
            entries[key]?.writtenAt = nil
            return .backoff(.transient)
        } catch let refusal as PublishRefusal {
            return holdAfterRefusal(key, refusal)
        } catch let conflict as StateConflict {
            logger.warning("Another writer changed the record: reading it again", metadata: ["deployment": "\(key)"])
            counts.failures += 1
            await reload(key, at: place)
            entries[key]?.troubles[.record] = Self.text(of: conflict)
            return .backoff(.transient)
        } catch {
            // The pass was cancelled, or the lead is lost. The decision is not carried out.
            guard leads(begun) else {
                refusePending(key, followerText)
                return isAtWork ? .after(Self.leadershipDelay) : .done
            }
            return .after(Self.leadershipDelay)
        }
    }

    private func noteOutage(of key: DeploymentKey, at place: Place) async {
        let backend = place.site.backend
        do {
            let outage = try await bounded(configuration.limits.observing) { await backend.outage() }
            note(look: outage, at: place.name)
            if outage == nil { entries[key]?.observedAt = with.now() }
        } catch {}  // Cancelled, or busy: nothing has been learnt.
    }

    private static func text(of conflict: StateConflict) -> String {
        "another controller writes the same record (version \(conflict.found.map(String.init) ?? "none") instead of "
            + "\(conflict.expected.map(String.init) ?? "none")). Run only one of the two, or start both "
            + "with --leader-elect"
    }

    /// Reports why the deployment cannot be worked on, and tries again later.
    private func failWithoutSite(_ key: DeploymentKey, _ error: any Error) -> Requeue {
        counts.failures += 1
        let (text, retry) = Self.explain(error)
        if entries[key]?.troubles[.place] != text {
            logger.warning("Pass failed", metadata: ["deployment": "\(key)", "error": "\(text)"])
        }
        entries[key]?.troubles[.place] = text
        refusePending(key, text)
        if case SiteError.unreachable? = error as? SiteError { return .done }  // The site triggers the next pass.
        return .backoff(retry == .terminal ? .waiting : retry)
    }

    /// The site does not allow decisions about this deployment now. The refusal says why.
    private func holdAfterRefusal(_ key: DeploymentKey, _ refusal: PublishRefusal) -> Requeue {
        counts.failures += 1
        entries[key]?.troubles[.announcing] = refusal.message
        refusePending(key, refusal.message)
        return .backoff(refusal.retryClass == .terminal ? .waiting : refusal.retryClass)
    }
}

extension Requeue {
    fileprivate func noLater(than limit: Duration) -> Requeue {
        if case .after(let delay, let urgency) = self { .after(min(delay, limit), urgency) } else { self }
    }
}
