import Foundation
import Glibc
import ModelManifests
import Serving
import Transport

/// What makes the backend observe and reconcile again.
enum BackendEvent: Sendable {
    static let proxyTag = "/proxy"

    case file(FolderWatch.Change)
    /// The tag of a watched folder.
    case lookAgain(String)
    case proxyChanged
    case tick
}

extension LocalBackend {
    static let busyTick = Duration.milliseconds(50)
    /// How long the proxy is asked often about draining instances: most drains end quickly.
    static let eagerDrainLooks = Duration.seconds(5)
    static let patientDrainTick = Duration.milliseconds(500)
    static let lockReleaseDelay = Duration.milliseconds(10)
    static let idleTick = Duration.seconds(1)
    static let sweepInterval = Duration.seconds(3600)
    /// Interval of a full check of every lock and status file, in case a file event was lost.
    static let fullLookInterval = Duration.seconds(5)

    /// Follows files, processes and the proxy until its task is cancelled, then ends `changes`. Models and proxy keep running.
    package func run() async {
        await resumeFromDisk()
        await withDiscardingTaskGroup { group in
            group.addTask { await self.proxy.run() }
            group.addTask { await self.runFetches() }
            group.addTask { await self.followFiles() }
            group.addTask { await self.sweepLogs() }
            group.addTask { await self.refreshPeriodically() }
            for await event in events {
                await handle(event)
                lookAgain(after: event, in: &group)
                scheduleTick(in: &group)
                if Task.isCancelled { break }
            }
            group.cancelAll()
        }
        watch?.close()
        changed.finish()
    }

    /// Resumes from disk. Routes come first, so that endpoints which the former controller opened stay open.
    private func resumeFromDisk() async {
        await proxy.keep(routesWithoutRecord())
        for deployment in Set(records.keys).union(instances.values.map(\.spec.deployment)).sorted() {
            await reconcileInBackground(deployment)
        }
        eventSink.yield(.tick)
    }

    /// Saved routes of deployments whose record is damaged but whose instances still exist.
    private func routesWithoutRecord() -> [ProxyRoute] {
        let served = Set(instances.values.map(\.spec.deployment))
        let saved = (try? StateFile.read(ProxyRoutes.self, from: state.proxyRoutes))?.routes ?? []
        return saved.filter { records[$0.deployment] == nil && served.contains($0.deployment) }
    }

    private func handle(_ event: BackendEvent) async {
        switch event {
        case .file(let change) where change.tag == BackendEvent.proxyTag:
            if change.file == "lock" { proxy.look() }
        case .file(let change) where change.tag.isEmpty:
            for id in instances.keys.sorted() { await refresh(id) }
        case .file(let change):
            if change.file == "status.json" || change.file == "lock" { await refresh(change.tag) }
        case .lookAgain(let tag):
            if tag == BackendEvent.proxyTag { proxy.look() } else { await refresh(tag) }
        case .proxyChanged:
            await announceProxy()
            let restarted = Set(instances.values.filter(\.isRestartAsked).map(\.spec.deployment))
            let withOutliers = await proxy.view.deploymentsWithOutliers.union(restarted)
            for deployment in withOutliers.union(deploymentsWithPendingWork()).sorted() {
                await reconcileInBackground(deployment)
            }
        case .tick:
            children.removeAll { !$0.isRunning }
            for id in instances.keys.sorted() where instances[id]?.isBeingLaunched == false {
                await noteEndOfLaunch(id)
            }
            if instances.values.contains(where: \.isLeaving) { proxy.look() }
            if watch == nil { for id in instances.keys.sorted() { await refresh(id) } }
            for deployment in retryRefusedPorts() {
                changed.yield(deployment)
                await reconcileInBackground(deployment)
            }
            for deployment in deploymentsWithPendingWork() { await reconcileInBackground(deployment) }
        }
    }

    /// Looks again after a lock file was closed: the kernel sends the event just before it releases the lock.
    private func lookAgain(after event: BackendEvent, in group: inout DiscardingTaskGroup) {
        guard case .file(let change) = event, change.file == "lock" else { return }
        group.addTask { [eventSink] in
            try? await Task.sleep(for: Self.lockReleaseDelay)
            eventSink.yield(.lookAgain(change.tag))
        }
    }

    private func announceProxy() async {
        let view = await proxy.view
        for deployment in records.keys.sorted() {
            let share = view.share(of: deployment)
            guard announced[deployment] != share else { continue }
            announced[deployment] = share
            changed.yield(deployment)
        }
    }

    /// Deployments whose next action depends only on time or on the proxy's report.
    private func deploymentsWithPendingWork() -> [DeploymentKey] {
        let now = clock.now
        let moving = instances.values.filter { instance in
            if instance.isLeaving { return true }
            if let at = instance.nextTryAt { return at <= now }
            return !instance.isLocked && !instance.isBeingLaunched && instance.status?.phase != .failed
        }
        return Set(moving.map(\.spec.deployment)).union(problems.keys).union(emptiedAt.keys).sorted()
    }

    /// The time until something changes by time alone, within the bounds of a tick.
    private var tickDelay: Duration {
        guard watch != nil else { return Self.busyTick }
        let now = clock.now
        var delay = Self.idleTick
        for instance in instances.values {
            if let at = instance.nextTryAt { delay = min(delay, max(at - now, Self.busyTick)) }
            if instance.isLeaving {
                let since = instance.leavingSince.map { now - $0 } ?? .zero
                delay = min(delay, since < Self.eagerDrainLooks ? Self.busyTick : Self.patientDrainTick)
            }
        }
        return delay
    }

    private func scheduleTick(in group: inout DiscardingTaskGroup) {
        let at = clock.now + tickDelay
        if let nextTick, nextTick <= at { return }
        nextTick = at
        group.addTask { [clock] in
            try? await clock.sleep(until: at)
            await self.tick(at)
        }
    }

    private func tick(_ at: ContinuousClock.Instant) {
        // An earlier tick replaced this one.
        guard nextTick == at else { return }
        nextTick = nil
        eventSink.yield(.tick)
    }

    func reconcileInBackground(_ deployment: DeploymentKey) async {
        let before = problems[deployment]
        do {
            try await reconcile(deployment)
            problems[deployment] = nil
        } catch {
            problems[deployment] = (error as? any RetryableError)?.message ?? "\(error)"
        }
        guard problems[deployment] != before else { return }
        changed.yield(deployment)
        guard let problem = problems[deployment] else { return }
        logger.warning(
            "reconciling failed",
            metadata: ["namespace": "\(deployment.namespace)", "name": "\(deployment.name)", "error": "\(problem)"])
    }

    /// Notices a keeper that ended without writing any file that the watch would report.
    private func noteEndOfLaunch(_ id: String) async {
        guard instances[id]?.hasLaunchToNote == true else { return }
        await refresh(id)
    }

    private func refresh(_ id: String) async {
        guard var instance = instances[id] else { return }
        let view = await proxy.view
        instance = instances[id] ?? instance
        let drainLimit = records[instance.spec.deployment]?.drainLimit
        let before = instance.seen(in: view, drainLimit: drainLimit, now: clock.now)
        instance.refresh(now: clock.now)
        guard instances[id] != nil else { return }
        instances[id] = instance
        guard instance.seen(in: view, drainLimit: drainLimit, now: clock.now) != before else { return }
        changed.yield(instance.spec.deployment)
        await reconcileInBackground(instance.spec.deployment)
    }

    func refreshAll(of deployment: DeploymentKey) {
        for instance in tracked(deployment) { instances[instance.spec.id]?.refresh(now: clock.now) }
    }

    private func followFiles() async {
        guard let watch else { return }
        for await change in watch.changes { eventSink.yield(.file(change)) }
    }

    private func refreshPeriodically() async {
        while (try? await Task.sleep(for: Self.fullLookInterval)) != nil {
            for id in instances.keys.sorted() { await refresh(id) }
        }
    }

    private func sweepLogs() async {
        repeat {
            LogArchive(state: state).sweep(now: Date())
        } while (try? await Task.sleep(for: Self.sweepInterval)) != nil
    }
}
