import ControlPorts
import ControllerRuntime
import Foundation
import ModelManifests
import Rollouts

/// Whether a site's records have been read in this term.
enum SiteReadiness: Equatable {
    /// Not read yet. Contains the reason of the last failure.
    case unread(String?)
    case read
}

/// Finds the site that a deployment is worked on at, and restores what was decided there.
extension Controller {
    /// This many workers stay free for other sites, however slow one site is.
    static let workersForOthers = 4
    /// The delay before a pass is tried again if its site already uses all of its workers.
    static let crowdedSiteDelay: Duration = .milliseconds(500)
    /// The delay before a site is tried again that was not read yet. It does not grow, because nothing is decided there until
    /// then.
    static let siteRetryDelay: Duration = .seconds(2)

    /// The site that the deployment is worked on at.
    ///
    /// - Returns: nil if there is no record, no instances and no manifest.
    /// - Throws: `SiteError` if there is no such site, or it has not been read yet.
    func place(of key: DeploymentKey) throws -> (name: SiteName, site: Site)? {
        let entry = entries[key]
        var wanted: SiteName?
        if case .manifest(let deployment) = manifests.wish(for: key), entry?.state == nil {
            wanted = try with.sites.name(for: deployment.target)
        }
        if let served = entry?.site, let wanted, served != wanted {
            throw SiteError.servesElsewhere(served, wanted: wanted)
        }
        guard let name = entry?.site ?? wanted, let site = with.sites[name] else { return nil }
        if case .unread(let reason)? = standings[name] { throw SiteError.unreachable(name, reason: reason) }
        return (name, site)
    }

    /// - Returns: false if the site already uses all of its workers.
    func occupyWorker(of site: SiteName, _ key: DeploymentKey) -> Bool {
        let limit =
            with.sites.names.count > 1
            ? max(1, configuration.concurrency - Self.workersForOthers) : configuration.concurrency
        let isAsked = entries[key]?.commands.isEmpty == false
        guard isAsked || passesInFlight[site, default: 0] < limit else { return false }
        passesInFlight[site, default: 0] += 1
        return true
    }

    func freeWorker(of site: SiteName) { passesInFlight[site, default: 1] -= 1 }

    /// Reads the records of a site; tries again later if that fails.
    func takeIn(_ name: SiteName) async -> Requeue {
        guard isAtWork, standings[name] != .read else { return .done }
        do {
            try await restore(name)
            return .done
        } catch {
            let (text, _) = Self.explain(error)
            if standings[name] != .unread(text) {
                logger.warning("Site cannot be reached", metadata: ["site": "\(name)", "error": "\(text)"])
            }
            guard isAtWork, standings[name] != .read else { return .done }
            standings[name] = .unread(text)
            note(reach: text, of: name)
            for key in keys(at: name) {
                entries[key]?.troubles[.place] = SiteError.unreachable(name, reason: text).message
            }
            return .after(min(Self.siteRetryDelay, configuration.restingInterval))
        }
    }

    /// Restores what was decided at a site, so that a restart changes nothing.
    func restore(_ name: SiteName) async throws {
        guard let site = with.sites[name] else { return }
        let begun = term
        let records = try await site.store.records()
        var unrecorded: [DeploymentKey] = []
        for key in try await site.backend.deployments() where records[key] == nil {
            if await site.register?.isAnothers(key) != true { unrecorded.append(key) }
        }
        guard begun == term else { return }
        for (key, record) in records { takeIn(record, of: key, at: name) }
        forgetLastKnown(of: name)
        for key in unrecorded {
            meet(key)
            guard entries[key]?.site == nil else { continue }
            entries[key]?.site = name
            entries[key]?.troubles[.place] =
                "it serves, but its record is lost: it stays as it is until its manifest is read"
        }
        let before = standings.updateValue(.read, forKey: name)
        note(reach: nil, of: name)
        let found = Set(records.keys)
        for (project, warning) in meetInProjects(found) { projects[project]?.status.error = warning }
        for key in keys(at: name) {
            if case .unread(let reason)? = before,
                entries[key]?.troubles[.place] == SiteError.unreachable(name, reason: reason).message
            {
                entries[key]?.troubles[.place] = nil
            }
            runner.add(.deployment(key))
        }
        logger.info("State restored", metadata: ["site": "\(name)", "deployments": "\(records.count)"])
    }

    private func takeIn(_ record: StateRecord, of key: DeploymentKey, at name: SiteName) {
        meet(key)
        if let other = entries[key]?.site, other != name {
            let problem = "there is also a record of it at \(name): rename it, or remove it there"
            logger.error("Deployment at two sites", metadata: ["deployment": "\(key)", "sites": "\(other), \(name)"])
            entries[key]?.troubles[.place] = problem
            return
        }
        entries[key]?.site = name
        take(record, of: key)
        if let state = entries[key]?.state { entries[key]?.firstSeenAt = state.since }
    }

    /// Restores the last decision. A record that cannot be read stays as it is, and nothing is decided about its deployment.
    private func take(_ record: StateRecord, of key: DeploymentKey) {
        entries[key]?.version = record.version
        if let unwritten = entries[key]?.unwritten {
            logger.error(
                "A decision that could not be recorded was replaced by another record",
                metadata: ["deployment": "\(key)", "events": "\(unwritten.events.map(\.message))"])
        }
        entries[key]?.unwritten = nil
        entries[key]?.mustReload = false
        do {
            let state = try RolloutRecords.state(of: record)
            keep(state, of: key)
            entries[key]?.writtenAt = state.decidedAt
            if entries[key]?.unreadableRecord != nil { entries[key]?.troubles[.record] = nil }
            entries[key]?.unreadableRecord = nil
        } catch {
            let text = error.heldText
            if entries[key]?.unreadableRecord != text {
                logger.error("A record cannot be read", metadata: ["deployment": "\(key)", "error": "\(error)"])
            }
            keep(nil, of: key)
            entries[key]?.unreadableRecord = text
            entries[key]?.troubles[.record] = text
        }
    }

    /// Someone may have replaced the record with a readable one.
    func isStillUnreadable(_ key: DeploymentKey, at place: Place) async -> Bool {
        await reload(key, at: place)
        return entries[key]?.unreadableRecord != nil
    }

    func holdUnreadable(_ key: DeploymentKey) -> Requeue {
        refusePending(key, entries[key]?.unreadableRecord ?? "")
        return .after(configuration.restingInterval)
    }

    func meet(_ key: DeploymentKey) {
        if entries[key] == nil { entries[key] = Entry(firstSeenAt: with.now()) }
    }

    /// The deployments that are at the site or are wanted there.
    private func keys(at name: SiteName) -> [DeploymentKey] {
        Set(entries.keys).union(manifests.keys).filter { key in
            if let site = entries[key]?.site { return site == name }
            guard case .manifest(let deployment) = manifests.wish(for: key) else { return false }
            return (try? with.sites.name(for: deployment.target)) == name
        }
    }

    /// Another writer changed the record, so the state in memory is outdated.
    func reload(_ key: DeploymentKey, at place: Place) async {
        let begun = term
        do {
            let store = place.site.store
            let record = try await bounded(configuration.limits.recording) { try await store.record(for: key) }
            guard begun == term, entries[key] != nil else { return }
            guard let record else { return recover(key) }
            // This controller may not have written the record itself yet.
            entries[key]?.site = place.name
            take(record, of: key)
        } catch {
            logger.warning("Record not read again", metadata: ["deployment": "\(key)", "error": "\(error)"])
            guard begun == term else { return }
            entries[key]?.mustReload = true
        }
    }

    /// The record is gone although nobody decided so: the state in memory is written again, unless git has removed the deployment
    /// meanwhile.
    private func recover(_ key: DeploymentKey) {
        entries[key]?.version = nil
        entries[key]?.writtenAt = nil
        entries[key]?.mustReload = false
        entries[key]?.unreadableRecord = nil
        guard manifests.wish(for: key) == .removed else { return }
        keep(nil, of: key)
        entries[key]?.site = nil
    }
}
