import Foundation

/// Whether a site could be reached at the last attempt.
struct SiteReach: Hashable, Sendable {
    /// Why it could not be reached; nil if it could.
    var outage: String?
    /// Since when that has been so.
    var since: Date
}

/// Tracks which sites can be reached. For the others, the last known state is shown.
extension Controller {
    func note(reach outage: String?, of site: SiteName) {
        let before = reaches[site]
        let isSame = before.map { ($0.outage == nil) == (outage == nil) } ?? false
        reaches[site] = SiteReach(outage: outage, since: isSame ? before?.since ?? with.now() : with.now())
    }

    /// The status of all sites, this machine first.
    var siteStatuses: [SiteStatus] {
        guard isAtWork || with.leadership == nil else {
            let since = lastKnown?.since ?? startedAt
            return with.sites.names.map {
                SiteStatus(name: "\($0)", reachable: false, since: since, reason: followerText)
            }
        }
        return with.sites.names.map { name in
            let reach = reaches[name]
            let isRead = standings[name] == .read
            return SiteStatus(
                name: "\(name)", reachable: isRead && reach?.outage == nil, since: reach?.since ?? startedAt,
                reason: reason(standings[name]) ?? reach?.outage)
        }
    }

    private func reason(_ standing: SiteStanding?) -> String? {
        switch standing {
        case .read?: nil
        case .unread(let reason?)?: reason
        case .unread(nil)?, nil: "it was not read yet"
        }
    }
}
