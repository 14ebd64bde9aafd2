import Foundation
import ModelManifests
import Rollouts

/// What this controller knew when it lost the lead. It is shown, with its age, until the state can be read again or another
/// controller is known to lead. Nothing is decided by it.
struct LastKnown {
    var entries: [DeploymentKey: Entry]
    /// When the lead was lost.
    var since: Date
}

extension Controller {
    /// Keeps what is known. Older last-known entries stay until they are read again.
    func keepLastKnown() {
        var known = lastKnown?.entries ?? [:]
        for (key, entry) in entries where entry.state != nil {
            var kept = Entry(firstSeenAt: entry.firstSeenAt)
            kept.site = entry.site
            kept.state = entry.state
            kept.observed = entry.observed
            kept.observedAt = entry.observedAt
            kept.failedRequestIds = entry.failedRequestIds
            kept.unavailable = entry.unavailable
            kept.commit = entry.commit
            known[key] = kept
        }
        lastKnown = known.isEmpty ? nil : LastKnown(entries: known, since: with.now())
    }

    /// The site has been read again.
    func forgetLastKnown(of site: SiteName) {
        guard var known = lastKnown else { return }
        known.entries = known.entries.filter { $0.value.site != site }
        lastKnown = known.entries.isEmpty ? nil : known
    }

    /// Empty if another controller leads, because that controller knows the current state.
    var remembered: [DeploymentKey: Entry] {
        !isAtWork && with.leadership?.anotherLeads == true ? [:] : lastKnown?.entries ?? [:]
    }

    /// The entry with its current state, or with its last known one.
    func known(_ key: DeploymentKey) -> Entry? {
        guard entries[key]?.state == nil else { return entries[key] }
        return remembered[key] ?? entries[key]
    }
}
