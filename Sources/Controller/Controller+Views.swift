import Foundation
import ModelManifests
import Rollouts

/// What the controller knows of a deployment, for those who look, and why it knows nothing.
extension Controller {
    /// - Parameter decided: its state, where that is not what it was before the pass.
    func view(of key: DeploymentKey, decided: RolloutState? = nil) -> DeploymentView {
        let entry = decided == nil ? known(key) : entries[key]
        let absence = decided == nil && entries[key]?.state == nil ? absence(of: key) : nil
        let isRemembered = decided == nil && entries[key]?.state == nil && entry?.state != nil
        let oblivion = isRemembered ? absence?.text ?? Availability.notLookedAt : nil
        return DeploymentView(
            key: key, state: decided ?? entry?.state, observed: entry?.observed,
            blindness: entry.flatMap { blindness($0, oblivion) },
            diagnostics: manifests.diagnostics(of: key), project: manifests.owner(of: key),
            invalidSince: entry?.invalidSince,
            problem: absence?.text ?? entry?.problem ?? manifests.orphanReason(of: key)
                ?? (isAtWork ? nil : followerText),
            problemSince: entry?.troubles.since, recordProblem: entry?.troubles[.record],
            recordProblemSince: entry?.troubles.since(.record), isRetried: entry?.troubles.isRetried ?? false,
            isInTheDark: absence?.isInTheDark ?? false,
            unavailable: entry?.unavailable ?? [:], abandoned: entry?.abandoned ?? [:],
            costs: entry?.costs ?? [:], commit: entry?.commit,
            firstSeenAt: entry?.firstSeenAt ?? with.now())
    }

    /// Why it cannot be seen any more what serves, since when, and how long ago it could; nil where it can be seen.
    /// - Parameter oblivion: why all that is known is what was known last; nil where that is not so.
    private func blindness(_ entry: Entry, _ oblivion: String?) -> Blindness? {
        guard entry.observed != nil else { return nil }
        if let oblivion { return Blindness(reason: oblivion, since: lastKnown?.since, seenAt: entry.observedAt) }
        let outage = entry.site.flatMap { name in siteStatuses.first { $0.name == "\(name)" && !$0.reachable } }
        guard let reason = entry.troubles[.observing] ?? outage?.reason else { return nil }
        return Blindness(reason: reason, since: outage?.since ?? entry.observedAt, seenAt: entry.observedAt)
    }

    /// Why nothing is known of a deployment.
    struct Absence {
        var text: String?
        /// Something serves, or may serve, and nobody knows what.
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

    /// Why nothing can be asked or told about it now. Only what nobody has heard of is said not to be there.
    func notThere(_ key: DeploymentKey) -> ControlError {
        if let text = entries[key]?.unreadableRecord { return ControlError(.unavailable, text) }
        guard known(key) != nil || manifests.keys.contains(key) else { return Self.notDeployed(key) }
        if let invalid = manifests.diagnostics(of: key).first {
            return ControlError(.conflict, "\(key) was never deployed: its manifest is invalid: \(invalid)")
        }
        let absence = absence(of: key)
        if absence.isInTheDark {
            return ControlError(
                .unavailable, "what serves of \(key) is not known: \(absence.text ?? Availability.notLookedAt)")
        }
        if let text = absence.text { return ControlError(.unavailable, "\(key) is not deployed yet: \(text)") }
        return ControlError(
            .unavailable, "\(key) is not deployed yet: it waits for its first pass. Try again in a moment")
    }
}
