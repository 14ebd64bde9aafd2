import KubernetesClient
import ModelManifests

/// Decides when to look at a check again, and when to stop. Pure: times are passed in.
///
/// # Guarantees
/// - It ends at the latest after `startLimit`, the gate's own limit and `awayLimit` together, whatever the cluster does.
/// - An unreachable API server, or a pod that does not start, counts neither as a pass nor as a failure.
struct CheckPolling: Sendable {
    enum Step: Hashable, Sendable {
        case lookAgain(after: Duration)
        case exited(Int, pod: String)
        case undecided(String, pod: String?)
    }

    enum Sight: Sendable {
        case word(CheckObservation.Word)
        /// The API server could not be reached.
        case away(String)
        /// The API server refused the request.
        case refused(String)
    }

    /// For problems that do not pass by themselves: image pulls are retried within seconds.
    static let troublePatience = Duration.seconds(60)
    static let awayLimit = Duration.seconds(600)
    private static let quickLook = Duration.seconds(1)
    private static let look = Duration.seconds(5)
    private static let quickLooksUntil = Duration.seconds(20)

    private let gateLimit: Duration
    private let began: Duration
    private var runningSince: Duration?
    private var awaySince: Duration?
    private var troubleSince: Duration?

    init(limit: Duration, now: Duration) {
        gateLimit = limit
        began = now
    }

    mutating func step(_ sight: Sight, now: Duration) -> Step {
        switch sight {
        case .away(let why):
            let since = awaySince ?? now
            awaySince = since
            guard now - since >= Self.awayLimit || isOver(now) else { return lookAgain(now) }
            return .undecided("the API server could not be asked for the result: \(why)", pod: nil)
        case .refused(let why):
            awaySince = nil
            guard hasTrouble(now) else { return lookAgain(now) }
            return .undecided(why, pod: nil)
        case .word(let word):
            awaySince = nil
            return step(word, now)
        }
    }

    private mutating func step(_ word: CheckObservation.Word, _ now: Duration) -> Step {
        switch word {
        case .exited(let code, let pod): return .exited(code, pod: pod)
        case .undecided(let why, let pod): return .undecided(why, pod: pod)
        case .running(let pod):
            troubleSince = nil
            let since = runningSince ?? now
            runningSince = since
            guard now - since >= gateLimit else { return lookAgain(now) }
            return .undecided(
                "it did not end within \(gateLimit.goText) and is stopped: raise `timeout`, or give it less to do",
                pod: pod)
        case .starting(let trouble):
            if trouble?.mayPass == false, hasTrouble(now) { return .undecided(trouble?.text ?? "", pod: nil) }
            if trouble?.mayPass != false { troubleSince = nil }
            guard now - began >= CheckJobRendering.startLimit else { return lookAgain(now) }
            let why = trouble?.text ?? "see 'kubectl describe' of its Job and pod"
            return .undecided(
                "it has not started within \(CheckJobRendering.startLimit.goText): \(why)", pod: nil)
        }
    }

    /// - Returns: whether the problem has lasted longer than `troublePatience`.
    private mutating func hasTrouble(_ now: Duration) -> Bool {
        let since = troubleSince ?? now
        troubleSince = since
        return now - since >= Self.troublePatience
    }

    private func isOver(_ now: Duration) -> Bool {
        now - began >= CheckJobRendering.startLimit + gateLimit + Self.awayLimit
    }

    private func lookAgain(_ now: Duration) -> Step {
        let wait = now - (runningSince ?? began) < Self.quickLooksUntil ? Self.quickLook : Self.look
        guard let runningSince else { return .lookAgain(after: wait) }
        return .lookAgain(after: min(wait, max(gateLimit - (now - runningSince), .milliseconds(1))))
    }
}
