import ControllerRuntime
import Foundation
import ModelManifests
import Rollouts
import Serving

/// One pass over one deployment: announce, observe, decide, write, act.
///
/// No step ends the whole pass, and none waits longer than its limit for what is outside: what fails is noted in the status,
/// and the others go on with what is known. Two things end it: somebody else decided (`StateConflict`), and the lead is lost.
extension Controller {
    /// What a site did not take for a passing reason is announced again after this.
    static let refusalDelay: Duration = .seconds(2)

    typealias Place = (name: SiteName, site: Site)

    func reconcile(_ key: DeploymentKey) async -> Requeue {
        counts.passes += 1
        meet(key)
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
            return hasNoPlace(key, error)
        }
        guard let place else {
            notDeployed(key)
            return .done
        }
        guard occupyWorker(of: place.name, key) else { return .after(Self.crowdedSiteDelay) }
        defer { freeWorker(of: place.name) }
        return await reconcile(key, at: place)
    }

    /// Those who wait for a pass also wait for the model files that it has to know first, as long as that is no trouble.
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
            try await writeWhatIsUnwritten(key, at: place)
            with.owners?.note(manifests.owner(of: key), of: key)
            var desired = self.desired(for: key, at: place.site)
            let answer = try await announce(key, desired, at: place.site)
            try check(begun)
            if case .refused(let refusal) = answer {
                entries[key]?.troubles[.announcing] = refusal.message
                guard entries[key]?.state != nil, !refusal.holdsPass else { return isNotTaken(key, refusal) }
                // What was accepted last stays in force. Gates, commands and the repair of drift go on.
                desired = .unreadable
            }
            async let readings = self.readings(for: key, from: place.site.metrics)
            async let seen = self.observe(key, at: place.site)
            var (observed, counters) = (await seen, await readings)
            try check(begun)
            try Task.checkCancellation()
            if case .shown(let warning?) = answer { observed?.problems.append(warning) }
            guard let observed else { return try await passUnseeing(key, at: place, desired) }
            entries[key]?.observed = observed
            await noteOutage(of: key, at: place)
            try check(begun)
            let requeue = try await pass(key, at: place, desired, observed, counters)
            return answer.isTransientRefusal ? requeue.noLater(than: Self.refusalDelay) : requeue
        } catch is RecordLost {
            logger.warning("The record is not there any more: written again", metadata: ["deployment": "\(key)"])
            guard leads(begun) else { return isAtWork ? .after(Self.leadershipDelay) : .done }
            entries[key]?.version = nil
            entries[key]?.writtenAt = nil
            return .backoff(.transient)
        } catch let refusal as AnnouncementRefusal {
            return isNotTaken(key, refusal)
        } catch let conflict as StateConflict {
            logger.warning("Somebody else decided: reading again", metadata: ["deployment": "\(key)"])
            counts.failures += 1
            await reload(key, at: place)
            entries[key]?.troubles[.record] = Self.text(of: conflict)
            return .backoff(.transient)
        } catch {
            // Cancelled, or the lead is lost. What was begun is not carried out.
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
        "another controller writes the same record (version \(conflict.found.map(String.init) ?? "none"), where "
            + "\(conflict.expected.map(String.init) ?? "none") was expected). Run one of the two only, or let both take "
            + "turns with --leader-elect"
    }

    /// Says why it cannot be worked on, and comes back.
    private func hasNoPlace(_ key: DeploymentKey, _ error: any Error) -> Requeue {
        counts.failures += 1
        let (text, retry) = Self.explain(error)
        if entries[key]?.troubles[.place] != text {
            logger.warning("Pass failed", metadata: ["deployment": "\(key)", "error": "\(text)"])
        }
        entries[key]?.troubles[.place] = text
        refusePending(key, text)
        if case SiteError.unreachable? = error as? SiteError { return .done }  // Comes back when the site does.
        return .backoff(retry == .terminal ? .waiting : FailureClass(retry))
    }

    /// The site says that nothing may be decided about it here now, and why.
    private func isNotTaken(_ key: DeploymentKey, _ refusal: AnnouncementRefusal) -> Requeue {
        counts.failures += 1
        entries[key]?.troubles[.announcing] = refusal.message
        refusePending(key, refusal.message)
        return .backoff(refusal.retryClass == .terminal ? .waiting : FailureClass(refusal.retryClass))
    }
}

extension Requeue {
    fileprivate func noLater(than limit: Duration) -> Requeue {
        if case .after(let delay, let urgency) = self { .after(min(delay, limit), urgency) } else { self }
    }
}
