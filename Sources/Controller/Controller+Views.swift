import ControlPorts
import Foundation
import ModelManifests
import Rollouts

/// Collects what the controller knows of a deployment for its status, or why it knows nothing.
extension Controller {
    /// - Parameter decided: the new state, if the status is written with a decision.
    func view(of key: DeploymentKey, decided: RolloutState? = nil) -> DeploymentView {
        let entry = decided == nil ? known(key) : entries[key]
        let absence = decided == nil && entries[key]?.state == nil ? absence(of: key) : nil
        let isRemembered = decided == nil && entries[key]?.state == nil && entry?.state != nil
        let isGoing = (decided ?? entry?.state)?.isRemoved == true
        let kept = isGoing ? nil : manifests.absence(of: key)
        let oblivion = isRemembered ? absence?.text ?? Availability.notLookedAt : nil
        return DeploymentView(
            key: key, state: decided ?? entry?.state, observed: entry?.observed,
            blindness: entry.flatMap { blindness($0, oblivion) },
            diagnostics: isGoing && manifests.absence(of: key) != nil ? [] : manifests.diagnostics(of: key),
            absence: kept, project: manifests.owner(of: key),
            invalidSince: entry?.invalidSince,
            problem: absence?.text ?? entry?.problem ?? manifests.orphanReason(of: key)
                ?? (isAtWork ? nil : followerText),
            problemSince: entry?.troubles.since, recordProblem: entry?.troubles[.record],
            recordProblemSince: entry?.troubles.since(.record), isRetried: entry?.troubles.isRetried ?? false,
            isInTheDark: absence?.isInTheDark ?? false,
            unavailable: entry?.unavailable ?? [:], abandoned: entry?.abandoned ?? [:],
            costs: entry?.costs ?? [:], revert: entry?.revert, commit: entry?.commit,
            modelPlace: entry.flatMap { modelPlace(of: key, $0) }, sourceChange: entry.flatMap(sourceChangeText),
            firstSeenAt: entry?.firstSeenAt ?? with.now())
    }

    /// Only while something is in the way of a rollout: few need it.
    private func modelPlace(of key: DeploymentKey, _ entry: Entry) -> String? {
        guard entry.state?.rollout != nil || entry.state?.postponed != nil else { return nil }
        return manifests.place(of: key, "spec.model.digest")
    }

    /// Why what serves cannot be observed now; nil if it can.
    /// - Parameter oblivion: why only the last known state is shown; nil if the state is current.
    private func blindness(_ entry: Entry, _ oblivion: String?) -> ObservationOutage? {
        guard entry.observed != nil else { return nil }
        if let oblivion {
            return ObservationOutage(reason: oblivion, since: lastKnown?.since, seenAt: entry.observedAt)
        }
        let outage = entry.site.flatMap { name in siteStatuses.first { $0.name == "\(name)" && !$0.reachable } }
        guard let reason = entry.troubles[.observing] ?? outage?.reason else { return nil }
        return ObservationOutage(reason: reason, since: outage?.since ?? entry.observedAt, seenAt: entry.observedAt)
    }

    /// Why nothing is known of a deployment.
    struct Absence {
        var text: String?
        /// Whether something serves, or may serve, that the controller does not know.
        var isInTheDark = false
    }

    private func absence(of key: DeploymentKey) -> Absence {
        guard isAtWork else { return Absence(text: followerText, isInTheDark: true) }
        if entries[key]?.site != nil { return Absence(text: entries[key]?.problem, isInTheDark: true) }
        do {
            _ = try place(of: key)
        } catch {
            let isUnread = if case SiteError.unreachable? = error as? SiteError { true } else { false }
            return Absence(text: Self.explain(error).text, isInTheDark: isUnread)
        }
        return Absence(text: entries[key]?.problem)
    }

    /// The error for a request about a deployment without a state. It says "not found" only if neither git nor a record mentions
    /// it.
    func notThere(_ key: DeploymentKey) -> ControlError {
        if let text = entries[key]?.unreadableRecord { return ControlError(.unavailable, text) }
        guard known(key) != nil || manifests.keys.contains(key) else { return Self.notDeployed(key) }
        if let invalid = manifests.diagnostics(of: key).first {
            return ControlError(.conflict, "\(key) was never deployed: its manifest is invalid: \(invalid)")
        }
        let absence = absence(of: key)
        if absence.isInTheDark {
            return ControlError(
                .unavailable, "the state of \(key) is not known: \(absence.text ?? Availability.notLookedAt)")
        }
        if let text = absence.text { return ControlError(.unavailable, "\(key) is not deployed yet: \(text)") }
        return ControlError(
            .unavailable, "\(key) is not deployed yet: it waits for its first pass. Try again in a moment")
    }
}
