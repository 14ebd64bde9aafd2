import Foundation
import Glibc
import ModelManifests
import Serving
import Transport

/// One instance's folder as last read, and the operations that this controller has in progress for it.
struct TrackedInstance: Sendable {
    enum Fetch: Hashable, Sendable {
        case none
        /// `after`: how the last attempt failed, if it did.
        case running(after: InstanceObservation.FetchFailure?)
        case waiting(until: ContinuousClock.Instant, InstanceObservation.FetchFailure)
    }

    static let firstLaunchDelay = Duration.milliseconds(100)
    static let firstFetchDelay = Duration.seconds(1)
    static let longestDelay = Duration.seconds(30)
    /// If only a change of the manifest or of the files helps. The files may have changed, so it is tried all the same.
    static let firstUnlikelyFetchDelay = Duration.seconds(60)
    static let longestUnlikelyFetchDelay = Duration.seconds(900)
    /// A keeper that has not taken its lock after this time is reported as hung. No second keeper is started beside it.
    static let launchPatience = Duration.seconds(10)
    static let settledAfterSeconds = 1.0

    var spec: InstanceSpec
    let folder: InstanceFolder
    private(set) var status: InstanceStatus?
    private(set) var isLeaving = false
    private(set) var leaving: InstanceLeaving?
    /// The `leaving.json` file is not written yet.
    var isLeavingUnsaved = false
    /// Nothing of it runs, but the disk does not allow its folder to be removed.
    var isRemovalRefused = false
    private(set) var isAskedToStop = false
    private(set) var isLocked = false
    /// No keeper holds the lock, but the server that the last keeper started is still running.
    private(set) var hasOrphan = false
    private(set) var fetch = Fetch.none
    private var fetchesInVain = 0
    var failedRequestIds: [String] = []
    /// When this controller first saw it draining. A monotonic clock, so that the drain time does not jump with the wall clock.
    private(set) var leavingSince: ContinuousClock.Instant?
    private var launched: (any LaunchedProcess)?
    private var launchedAt: ContinuousClock.Instant?
    /// Why it has no keeper. Nil if it has one, and before the first attempt.
    private var launchProblem: String?
    private var launchesInVain = 0
    private var launchLogBytes = 0
    private(set) var nextLaunchAt: ContinuousClock.Instant?
    /// A restart was requested for the proxy's outlier report, and the proxy has reported it as an outlier ever since.
    private(set) var isRestartAsked = false

    init(spec: InstanceSpec, folder: InstanceFolder) {
        self.spec = spec
        self.folder = folder
    }

    var keepsLogs: Bool { leaving?.keepsLogs ?? false }

    /// Reads the instance's folder again.
    mutating func refresh(now: ContinuousClock.Instant) {
        if let read = try? folder.readStatus() { status = read }
        if let leaving = try? folder.readLeaving() { noteLeaving(leaving, now: now) }
        isAskedToStop = folder.isAskedToStop
        isLocked = FileLock.isHeld(folder.lock)
        if isLocked {
            launchedAt = nil
            launchProblem = nil
            launchesInVain = 0
            nextLaunchAt = nil
        } else {
            noteEndOfLaunch()
        }
        hasOrphan = !isLocked && status?.phase.isFinal != true && orphanLives
    }

    mutating func noteLeaving(_ leaving: InstanceLeaving, now: ContinuousClock.Instant) {
        isLeaving = true
        self.leaving = self.leaving ?? leaving
        leavingSince = leavingSince ?? now
    }

    mutating func noteStopRequested() { isAskedToStop = true }

    private var orphanLives: Bool {
        guard let server = status?.server else { return false }
        return ProcessMark(spec.mark, logPipe: folder.logPipe).vouches(for: server)
    }

    // MARK: Keeper

    /// - Parameter logBytes: the size of the keeper's log before this start. What comes after belongs to this start.
    mutating func noteLaunch(_ process: any LaunchedProcess, logBytes: Int, now: ContinuousClock.Instant) {
        launched = process
        launchedAt = now
        launchLogBytes = logBytes
        noteTry(now)
    }

    mutating func noteFailedLaunch(_ why: String, now: ContinuousClock.Instant) {
        launchProblem = why
        noteTry(now)
    }

    private mutating func noteTry(_ now: ContinuousClock.Instant) {
        nextLaunchAt = now + Self.delay(Self.firstLaunchDelay, tries: launchesInVain)
        launchesInVain += 1
    }

    /// Notices that the started keeper has ended without ever being seen with the lock.
    private mutating func noteEndOfLaunch() {
        guard let launched, launchedAt != nil, !launched.isRunning else { return }
        launchedAt = nil
        guard status?.phase.isFinal != true else { return }
        launchProblem =
            "its keeper ended before it took its lock\(launched.ending.map { " (\($0))" } ?? ""): \(keepersLastWords)"
    }

    /// The last line of the keeper's log. A repeated failure gives the same text each time.
    private var keepersLastWords: String {
        lastLine(of: folder.keeperLog, after: launchLogBytes).map { "its last log line: \($0)" }
            ?? "its log is empty. Check whether this machine is short of memory or processes."
    }

    /// A keeper was started and has not taken its lock yet. Reading this reaps a keeper that has ended.
    var isBeingLaunched: Bool { launchedAt != nil && launched?.isRunning == true }

    /// A keeper was started and has ended since.
    var hasLaunchToNote: Bool { launchedAt != nil && launched?.isRunning == false }

    /// Its server has been ready for a while, and was not restarted for the current ejection yet.
    private var isDueForRestart: Bool {
        guard isLocked, !isLeaving, status?.phase == .ready, let since = status?.readySince else { return false }
        return !isRestartAsked && Date().timeIntervalSince(since) >= Self.settledAfterSeconds
    }

    mutating func noteRestartRequested() { isRestartAsked = true }
    mutating func clearRestartRequest() { isRestartAsked = false }

    // MARK: Model files

    mutating func noteFetch() {
        if case .waiting(_, let failure) = fetch {
            fetch = .running(after: failure)
        } else {
            fetch = .running(after: nil)
        }
    }

    mutating func noteFetched() {
        fetch = .none
        fetchesInVain = 0
    }

    mutating func noteFailedFetch(_ error: any Error, now: ContinuousClock.Instant) {
        let known = error as? any RetryableError
        let reason = known?.message ?? "the model's files cannot be fetched: \(error)"
        let needsChange = known?.retryClass == .terminal
        let delay =
            needsChange
            ? Self.delay(
                Self.firstUnlikelyFetchDelay, tries: fetchesInVain, longest: Self.longestUnlikelyFetchDelay)
            : Self.delay(Self.firstFetchDelay, tries: fetchesInVain)
        fetchesInVain += 1
        fetch = .waiting(
            until: now + delay,
            InstanceObservation.FetchFailure(
                reason: reason, attempts: fetchesInVain, nextAt: Date().addingTimeInterval(delay / .seconds(1)),
                needsChange: needsChange))
    }

    private static func delay(_ first: Duration, tries: Int, longest: Duration = longestDelay) -> Duration {
        min(first * (1 << min(tries, 10)), longest)
    }

    private var fetchFailure: InstanceObservation.FetchFailure? {
        switch fetch {
        case .waiting(_, let failure): failure
        case .running(let failure): failure
        case .none: nil
        }
    }

    /// When time alone makes another action due. Nil if none is scheduled.
    var nextTryAt: ContinuousClock.Instant? {
        if case .waiting(let until, _) = fetch { return until }
        return isLocked || isBeingLaunched ? nil : nextLaunchAt
    }

    // MARK: Input of reconciliation

    /// - Parameter drainLimit: used if the instance's own `leaving.json` has none.
    func seen(in view: ProxyView, drainLimit: Duration?, now: ContinuousClock.Instant) -> ObservedInstance {
        var seen = ObservedInstance(id: spec.id, revision: spec.revision, number: spec.number, stage: stage)
        seen.port = status?.port
        seen.ports = status?.ports ?? [:]
        seen.modelFolder = spec.modelFolder
        seen.restarts = status?.restarts ?? 0
        (seen.reason, seen.isBlocked) = trouble(now)
        if !isLocked, status?.phase.isFinal != true { seen.fetchFailure = fetchFailure }
        seen.isGone = isRemovalRefused
        seen.isEjected = view.answers ? view.instances[spec.id]?.ejected == true : nil
        if view.answers, let report = view.instances[spec.id], let outlier = report.outlier {
            seen.reason = seen.reason ?? "ejected by the proxy because \(outlier.described)"
            // Do not cut requests that are still in progress there.
            if report.inFlight == 0, isDueForRestart { seen.restartCause = outlier }
        }
        if isLeaving {
            let leavingFor = leavingSince.map { now - $0 } ?? .zero
            let limit = leaving?.drainLimit ?? drainLimit ?? Self.longestDrain(Endpoint())
            seen.leaving = ObservedInstance.Leaving(
                isDrained: view.isDrained(spec.id), isDrainOver: leavingFor >= limit + Self.cutPatience,
                isAskedToStop: isAskedToStop)
        }
        return seen
    }

    /// Extra time for the proxy to cut what exceeds the limit, and to count it. If the server ended first, those requests would
    /// fail without being counted.
    static let cutPatience = Duration.seconds(2)

    /// A fallback limit. Normally the proxy ends requests at its own limit before this one.
    static func longestDrain(_ endpoint: Endpoint) -> Duration {
        max(endpoint.drainTimeout, endpoint.drain.streamTimeout)
    }

    private var stage: ObservedInstance.Stage {
        if isLocked { return .kept(status?.phase) }
        if let phase = status?.phase, phase.isFinal { return .ended(phase) }
        if isBeingLaunched { return .kept(hasOrphan ? status?.phase : nil) }
        if spec.needsFiles { return .needsFiles }
        return .needsKeeper(hasServer: hasOrphan, serves: hasOrphan && status?.phase == .ready)
    }

    /// What is wrong, and whether the machine is the cause.
    private func trouble(_ now: ContinuousClock.Instant) -> (reason: String?, isBlocked: Bool) {
        if isLocked || status?.phase.isFinal == true { return (status?.reason, status?.phase == .blocked) }
        if let fetchFailure { return (fetchFailure.reason, true) }
        if let launchProblem { return (launchProblem, true) }
        if isBeingLaunched, let launchedAt, now - launchedAt >= Self.launchPatience {
            return (
                "its keeper was started but has not taken its lock: the machine is overloaded, or its disk hangs", true
            )
        }
        return (status?.reason, false)
    }
}

func sizeOfFile(_ path: String) -> Int {
    var about = stat()
    return stat(path, &about) == 0 ? Int(about.st_size) : 0
}

/// The last line that a process wrote to its log, shortened. Nil if there is none.
/// - Parameter start: the offset in the file where the process's output begins.
func lastLine(of path: String, after start: Int = 0) -> Substring? {
    readEnd(of: path, after: start, limit: 4096).split(separator: 10)
        .map { String(decoding: $0, as: UTF8.self) }.last { $0.contains { !$0.isWhitespace } }?.prefix(300)
}

/// The last bytes of a file: at most `limit`, and none from before `start`, unless the file was rotated since. Empty if the file
/// cannot be read.
private func readEnd(of path: String, after start: Int, limit: Int) -> [UInt8] {
    let raw = open(path, O_RDONLY | O_CLOEXEC)
    guard raw >= 0 else { return [] }
    defer { close(raw) }
    let size = Int(lseek(raw, 0, SEEK_END))
    let first = max(size - limit, size >= start ? start : 0)
    var bytes = [UInt8](repeating: 0, count: limit)
    let count = pread(raw, &bytes, limit, off_t(first))
    return count > 0 ? Array(bytes[0..<count]) : []
}
