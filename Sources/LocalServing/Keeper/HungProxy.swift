import Glibc

/// When a proxy that lives, and does not answer, is taken for one that will never answer again.
///
/// Being late is no sign of it: a proxy may have too much to do, or wait for a disk while its requests go on. One that hangs
/// is silent, and none of its threads runs.
struct HangWatch: Hashable, Sendable {
    static let patience = Duration.seconds(10)
    /// A machine that was asleep wakes up with its clock far ahead.
    static let leastLooks = 4
    static let leastStep = Duration.seconds(1)

    private var since: Duration?
    private var looks = 0
    private var last: ThreadActivity?

    mutating func noteAnswer() { self = HangWatch() }

    /// It was asked and did not answer.
    /// - Parameter activity: its own; nil where that is not known.
    /// - Returns: whether it hangs.
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

/// The proxy's process, known by its mark, for whoever has to end it.
struct HungProxy: Sendable {
    let state: StateFolder
    private var process: ProcessIdentity?
    private var watch = HangWatch()

    init(state: StateFolder) { self.state = state }

    mutating func noteAnswer() {
        process = nil
        watch.noteAnswer()
    }

    /// Ends it, where it hangs: it was asked, did not answer, and holds its lock.
    /// - Returns: whether it did.
    mutating func endIfHung(at now: Duration, patience: Duration = HangWatch.patience) -> Bool {
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
