import Glibc

/// Decides when a proxy that runs but does not answer counts as hung, which means it will never answer again.
///
/// A late answer alone is not enough: a proxy may be overloaded, or may wait for a disk while its requests continue. A hung proxy
/// does not answer, and none of its threads runs.
struct HangDetector: Hashable, Sendable {
    static let patience = Duration.seconds(10)
    /// At least this many checks must fail. A machine that slept wakes up with its clock far ahead.
    static let leastLooks = 4
    static let leastStep = Duration.seconds(1)

    private var since: Duration?
    private var looks = 0
    private var last: ThreadActivity?

    mutating func noteAnswer() { self = HangDetector() }

    /// Records that the proxy was asked and did not answer.
    /// - Parameter activity: what the proxy's threads did. Nil if unknown.
    /// - Returns: whether the proxy is hung.
    mutating func noteSilence(_ activity: ThreadActivity?, patience: Duration = patience) -> Bool {
        guard let activity else {
            noteAnswer()
            return false
        }
        guard let last, let since else {
            (self.last, self.since, looks) = (activity, activity.at, 1)
            return false
        }
        guard activity.at - last.at >= Self.leastStep else { return false }
        if activity.showsWork(since: last) {
            (self.last, self.since, looks) = (activity, activity.at, 1)
            return false
        }
        looks += 1
        self.last = activity
        return looks >= Self.leastLooks && activity.at - since >= patience
    }
}

/// The proxy's process, found by its mark, and the decision to end it.
struct HungProxyTerminator: Sendable {
    let state: StateFolder
    private var process: ProcessIdentity?
    private var watch = HangDetector()

    init(state: StateFolder) { self.state = state }

    mutating func noteAnswer() {
        process = nil
        watch.noteAnswer()
    }

    /// Ends the proxy if it is hung: it was asked, did not answer, and holds its lock.
    /// - Returns: whether it was ended.
    mutating func endIfHung(at now: Duration, patience: Duration = HangDetector.patience) -> Bool {
        if process?.isAlive != true {
            watch.noteAnswer()
            process = (try? state.mark(of: .proxy)).flatMap { ProcessMark($0).tree().first }.map(ProcessIdentity.init)
        }
        guard let process, watch.noteSilence(ThreadActivity(of: process.pid, at: now), patience: patience) else {
            return false
        }
        process.signal(SIGKILL)
        noteAnswer()
        return true
    }
}
