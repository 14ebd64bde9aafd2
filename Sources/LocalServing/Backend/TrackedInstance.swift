import Foundation
import Glibc
import ModelManifests
import Serving

/// One instance's folder as last read, and what this controller has under way for it.
struct TrackedInstance: Sendable {
    enum Fetch: Hashable, Sendable {
        case none
        case running
        case waiting(until: ContinuousClock.Instant, reason: String)
        case hopeless(String)
    }

    static let longestLaunch = Duration.seconds(10)
    static let firstLaunchDelay = Duration.milliseconds(100)
    static let longestLaunchDelay = Duration.seconds(30)

    var spec: InstanceSpec
    let folder: InstanceFolder
    private(set) var status: InstanceStatus?
    private(set) var isLeaving = false
    private(set) var keepsLogs = false
    private(set) var isAskedToStop = false
    private(set) var isLocked = false
    /// Nobody holds the lock, but the server that its last keeper named lives, and is the instance's.
    private(set) var hasOrphan = false
    var fetch = Fetch.none
    var failedRequestIds: [String] = []
    /// When this controller first saw it leave: a grace is not measured by a clock that jumps.
    private(set) var leavingSince: ContinuousClock.Instant?
    private var launched: (any LaunchedProcess)?
    private var launchedAt: ContinuousClock.Instant?
    private(set) var launchesInVain = 0
    private(set) var nextLaunchAt: ContinuousClock.Instant?

    init(spec: InstanceSpec, folder: InstanceFolder) {
        self.spec = spec
        self.folder = folder
    }

    /// Reads the folder again.
    mutating func refresh(now: ContinuousClock.Instant) {
        if let read = try? folder.readStatus() { status = read }
        if let leaving = try? folder.readLeaving() { noteLeaving(leaving, now: now) }
        isAskedToStop = folder.isAskedToStop
        isLocked = FileLock.isHeld(folder.lock)
        if isLocked {
            launchedAt = nil
            launchesInVain = 0
            nextLaunchAt = nil
        }
        hasOrphan = !isLocked && status?.phase.isFinal != true && orphanLives
    }

    mutating func noteLeaving(_ leaving: InstanceLeaving, now: ContinuousClock.Instant) {
        isLeaving = true
        keepsLogs = leaving.keepsLogs
        leavingSince = leavingSince ?? now
    }

    mutating func noteAskedToStop() { isAskedToStop = true }

    private var orphanLives: Bool {
        guard let server = status?.server else { return false }
        return ProcessMark(spec.mark, logPipe: folder.logPipe).vouches(for: server)
    }

    mutating func noteLaunch(_ process: any LaunchedProcess, now: ContinuousClock.Instant) {
        launched = process
        launchedAt = now
        let delay = Self.firstLaunchDelay * (1 << min(launchesInVain, 10))
        nextLaunchAt = now + min(delay, Self.longestLaunchDelay)
        launchesInVain += 1
    }

    mutating func noteFailedLaunch(now: ContinuousClock.Instant) {
        launchesInVain += 1
        nextLaunchAt = now + min(Self.firstLaunchDelay * (1 << min(launchesInVain, 10)), Self.longestLaunchDelay)
    }

    /// Its keeper was started and has not taken its lock so far. Looking reaps a keeper that has ended.
    func isBeingLaunched(now: ContinuousClock.Instant) -> Bool {
        guard let launched, launched.isRunning, let launchedAt else { return false }
        return now - launchedAt < Self.longestLaunch
    }

    func seen(in view: ProxyView, now: ContinuousClock.Instant) -> SeenInstance {
        var seen = SeenInstance(id: spec.id, revision: spec.revision, number: spec.number, stage: stage(now: now))
        seen.port = status?.port
        seen.ports = status?.ports ?? [:]
        seen.modelFolder = spec.modelFolder
        seen.restarts = status?.restarts ?? 0
        seen.reason = reason
        if isLeaving {
            let leavingFor = leavingSince.map { now - $0 } ?? .zero
            seen.leaving = SeenInstance.Leaving(
                isDrained: view.isDrained(spec.id),
                isGraceOver: leavingFor >= spec.template.runtime.terminationGracePeriod, isAskedToStop: isAskedToStop)
        }
        return seen
    }

    private func stage(now: ContinuousClock.Instant) -> SeenInstance.Stage {
        if isLocked { return .kept(status?.phase) }
        if let phase = status?.phase, phase.isFinal { return .ended(phase) }
        if isBeingLaunched(now: now) { return .kept(hasOrphan ? status?.phase : nil) }
        if spec.needsFiles {
            if case .hopeless = fetch { return .cannotHaveFiles }
            return .needsFiles
        }
        return .needsKeeper(hasServer: hasOrphan, serves: hasOrphan && status?.phase == .ready)
    }

    private var reason: String? {
        switch fetch {
        case .waiting(_, let reason), .hopeless(let reason): return reason
        case .none, .running: break
        }
        if launchesInVain > 2, !isLocked {
            return "its keeper ended \(launchesInVain) times before it began: see \(folder.keeperLog)"
        }
        return status?.reason
    }
}
