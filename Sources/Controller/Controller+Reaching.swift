import ControlPorts
import Foundation
import Serving

/// Whether a site could be reached at the last attempt.
struct SiteReachability: Hashable, Sendable {
    /// Why it could not be reached; nil if it could.
    var outage: String?
    /// Since when that has been so.
    var since: Date
}

/// Tracks which sites can be reached. For the others, the last known state is shown.
extension Controller {
    /// Looks at all sites again and again, beside the passes: a site of which nothing changes has few of those.
    func watchReach() async {
        await withTaskGroup(of: Void.self) { group in
            for name in with.sites.names {
                guard let backend = with.sites[name]?.backend else { continue }
                group.addTask {
                    while !Task.isCancelled {
                        try? await Task.sleep(for: self.configuration.reachInterval)
                        await self.look(atReachOf: name, backend)
                    }
                }
            }
        }
    }

    private func look(atReachOf name: SiteName, _ backend: any ServingBackend) async {
        // A site that has yet to be read is asked for its records, which says more.
        guard isAtWork, standings[name] == .read else { return }
        let begun = term
        do {
            let outage = try await bounded(Self.reachLimit) { await backend.reach() }
            if begun == term { note(look: outage, at: name) }
        } catch {}  // Cancelled, or busy: nothing has been learnt.
    }

    static let reachLimit: Duration = .seconds(5)

    /// A look at a site: an outage is one once it has lasted. A watch that was lost is taken up again within half a second, and
    /// nobody has to hear of it.
    func note(look outage: String?, at site: SiteName) {
        guard let outage else {
            outageDoubts[site] = nil
            return note(reach: nil, of: site)
        }
        let since = outageDoubts[site] ?? with.now()
        outageDoubts[site] = since
        let lasted = with.now().timeIntervalSince(since)
        if reaches[site]?.outage != nil || lasted >= configuration.outagePatience / .seconds(1) {
            note(reach: outage, of: site)
        }
    }

    func note(reach outage: String?, of site: SiteName) {
        let before = reaches[site]
        let isSame = before.map { ($0.outage == nil) == (outage == nil) } ?? false
        reaches[site] = SiteReachability(outage: outage, since: isSame ? before?.since ?? with.now() : with.now())
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

    private func reason(_ standing: SiteReadiness?) -> String? {
        switch standing {
        case .read?: nil
        case .unread(let reason?)?: reason
        case .unread(nil)?, nil: "it was not read yet"
        }
    }
}
