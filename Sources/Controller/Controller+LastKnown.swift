import Foundation
import ModelManifests
import Rollouts

/// What was known when the lead was lost. It is shown, with its age, until what is so can be read again or another
/// controller is known to lead; nothing is decided by it.
struct LastKnown {
    var entries: [DeploymentKey: Entry]
    /// When the lead was lost.
    var since: Date
}

extension Controller {
    /// Keeps what is known. What was known before that, and has not been read again, stays.
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

    /// What is at the site has been read.
    func forgetLastKnown(of site: SiteName) {
        guard var known = lastKnown else { return }
        known.entries = known.entries.filter { $0.value.site != site }
        lastKnown = known.entries.isEmpty ? nil : known
    }

    /// Nothing where another controller leads: that one knows better.
    var remembered: [DeploymentKey: Entry] {
        !isAtWork && with.leadership?.anotherLeads == true ? [:] : lastKnown?.entries ?? [:]
    }

    /// As it is, or as it was last known.
    func known(_ key: DeploymentKey) -> Entry? {
        guard entries[key]?.state == nil else { return entries[key] }
        return remembered[key] ?? entries[key]
    }
}
