import ControlPorts
import ModelManifests

/// A register of a site's deployments, in memory: the announcements, and how many of them had to be written.
package actor InMemoryRegister: DesiredStateMirror {
    package nonisolated let changes: AsyncStream<DeploymentKey>
    private let changed: AsyncStream<DeploymentKey>.Continuation
    package private(set) var announced: [DeploymentKey: PublishedManifest] = [:]
    package private(set) var reported: [DeploymentKey: DeploymentStatus] = [:]
    package private(set) var withdrawn: [DeploymentKey] = []
    package private(set) var writes = 0
    private var failure: (any Error)?
    /// Reports block while it is closed.
    package nonisolated let reporting = Barrier()
    /// Its warning about another writer.
    private var contest: String?
    private var refusal: PublishRefusal?

    package init() { (changes, changed) = AsyncStream.makeStream(of: DeploymentKey.self) }

    package func announce(_ announcement: PublishedManifest) throws -> PublishResult {
        if let failure { throw failure }
        if let refusal { return .refused(refusal) }
        let known = announced[announcement.deployment]
        guard known?.spec != announcement.spec || known?.labels != announcement.labels else {
            return .shown(warning: contest)
        }
        announced[announcement.deployment] = announcement
        writes += 1
        return .shown(warning: contest)
    }

    /// Refuses announcements from now on; nil: no longer.
    package func refuse(_ refusal: PublishRefusal?) { self.refusal = refusal }

    package func quarantine(of deployment: DeploymentKey) -> [QuarantineStatus]? { nil }

    /// Fails all requests from now on; nil: no longer.
    package func refuse(with error: (any Error)?) { failure = error }

    package func contest(_ what: String?) { contest = what }

    package func withdraw(_ deployment: DeploymentKey) -> PublishResult {
        if let refusal { return .refused(refusal) }
        guard announced.removeValue(forKey: deployment) != nil else { return .shown(warning: nil) }
        withdrawn.append(deployment)
        writes += 1
        return .shown(warning: nil)
    }

    package func report(_ status: DeploymentStatus, of deployment: DeploymentKey) async {
        await reporting.pass()
        reported[deployment] = status
    }

    /// Acts as somebody who edits or deletes the entry.
    package func tamper(with deployment: DeploymentKey) {
        announced[deployment] = nil
        changed.yield(deployment)
    }
}
