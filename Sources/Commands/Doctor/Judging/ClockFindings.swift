import Foundation
import ModelManifests

/// Checks the clock: durations, certificates, signatures and the order of events depend on it. Pure.
enum ClockFindings {
    static let mostSkew: Duration = .seconds(5)
    static let graveSkew: Duration = .seconds(60)

    enum Kernel: Hashable, Sendable {
        case said(isSynchronised: Bool, greatestErrorSeconds: Double)
        case silent(reason: String)
    }

    struct Own: Hashable, Sendable {
        var kernel: Kernel
        /// Whether systemd-timesyncd has set the clock since the machine started.
        var timesyncSaysSo: Bool
        /// A file of the state folder with a time in the future: the clock was set back after it was written.
        var newestFile: String?
        var newestFileAheadSeconds: Double = 0
    }

    static func own(_ own: Own) -> [Finding] {
        var found: [Finding] = []
        if let file = own.newestFile, own.newestFileAheadSeconds > mostSkew / .seconds(1) {
            found.append(
                .problem(
                    .clockSync,
                    "\(file) has a time \(Int(own.newestFileAheadSeconds)) s in the future: the clock was set back",
                    "Set the clock: timedatectl set-ntp true; then check it: timedatectl timesync-status"))
        }
        switch own.kernel {
        case .silent(let reason):
            found.append(
                .notLookedAt(.clockSync, "the kernel does not say whether the clock is synchronized: \(reason)"))
        case .said(true, _) where found.isEmpty:
            found.append(.ok(.clockSync, "the kernel reports that the clock is synchronized"))
        case .said(false, _) where own.timesyncSaysSo && found.isEmpty:
            found.append(.ok(.clockSync, "systemd-timesyncd synchronizes the clock"))
        case .said(false, _) where !own.timesyncSaysSo:
            found.append(
                .warning(
                    .clockSync, "the kernel reports that nothing synchronizes the clock",
                    "Run timedatectl set-ntp true (or install chrony); for a container or virtual machine, on its host")
            )
        case .said: break
        }
        return found
    }

    /// The time on another machine's clock, with the local times around the request.
    struct Seen: Hashable, Sendable {
        /// For example `git server git.example.com`.
        var whose: String
        var theirs: Date
        var asked: Date
        var answered: Date

        /// The least difference: a `Date` field has whole seconds, and was written at some moment between request and answer.
        var leastSkewSeconds: Double {
            if theirs.addingTimeInterval(1) < asked { return asked.timeIntervalSince(theirs) - 1 }
            if theirs > answered { return theirs.timeIntervalSince(answered) }
            return 0
        }

        var isAhead: Bool { theirs > answered }
    }

    static func skew(_ seen: Seen) -> Finding {
        let seconds = seen.leastSkewSeconds
        let words =
            "the clock of \(seen.whose) is \(Int(seconds.rounded())) s \(seen.isAhead ? "ahead of" : "behind") this one"
        let advice = "Find out which of the two is wrong: date -u; then: timedatectl set-ntp true"
        if seconds > graveSkew / .seconds(1) { return .problem(.clockSkew, words, advice) }
        if seconds > mostSkew / .seconds(1) { return .warning(.clockSkew, words, advice) }
        return .ok(.clockSkew, "the clock of \(seen.whose) and this one agree")
    }

    /// Parses a `Date` field (RFC 9110, section 5.6.7); nil where it is invalid.
    static func date(_ text: String) -> Date? {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "GMT")
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        return formatter.date(from: text)
    }
}
