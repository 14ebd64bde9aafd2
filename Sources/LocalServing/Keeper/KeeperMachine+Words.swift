/// The stages that a keeper's machine goes through, what happens to it, and what it asks for.
extension KeeperMachine {
    enum Stage: Hashable, Codable, Sendable {
        /// Can transition to: `starting`, `ready` (adopted), `blocked`, `backingOff` (what ran before cannot), `finished`.
        case new
        /// The process runs and has never been ready. Can transition to: `warmingUp`, `ready`, `ending`, `backingOff`.
        case starting
        /// Its probe answered; the warm-up requests are under way. Can transition to: `ready`, `starting`, `ending`, `backingOff`.
        case warmingUp
        /// Can transition to: `unready`, `ending`, `backingOff`.
        case ready(since: Duration)
        /// Was ready; its readiness probe fails. Can transition to: `ready`, `ending`, `backingOff`.
        case unready
        /// SIGTERM was sent. Can transition to: `backingOff`, `finished`.
        case ending(Ending)
        /// Nothing runs. Can transition to: `new`, `finished`.
        case backingOff(until: Duration)
        /// Nothing runs, for want of something that this machine has not: no fault of the server's. Can transition to:
        /// `new`, `finished`.
        case blocked(until: Duration)
        /// The keeper goes.
        case finished(Outcome)
    }

    struct Server: Hashable, Codable, Sendable {
        var identity: ProcessIdentity
        var ports: [String: Int]
        var startedAt: Duration
        var isWarm = false
        /// The first process left, and the others live on without it.
        var leaderLeft: LeaderExit?
    }

    struct LeaderExit: Hashable, Codable, Sendable {
        var status: ExitStatus
        var at: Duration
    }

    struct Ending: Hashable, Codable, Sendable {
        enum Then: Hashable, Codable, Sendable {
            case stop
            case restart(String)
        }
        var then: Then
        /// When the grace is over and the tree is killed.
        var killAt: Duration
        var giveUpAt: Duration
    }

    enum Outcome: Hashable, Codable, Sendable {
        case stopped
        case failed(String)
    }

    enum Probing: String, Codable, Sendable { case startup, readiness, liveness }

    enum Event: Hashable, Sendable {
        case begin
        /// A former keeper's server lives: this keeper takes it over, and nothing is loaded again.
        case adopted(ProcessIdentity, ports: [String: Int], wasReady: Bool, isWarm: Bool)
        case spawned(ProcessIdentity, ports: [String: Int])
        /// `isTerminal`: it can never work. Else the machine is to blame, and may be able to later.
        case spawnFailed(String, isTerminal: Bool)
        /// The server's first process ended; `survivors` of its tree live.
        case exited(ExitStatus, survivors: Int, lastLine: String?)
        case probed(Probing, ProbeOutcome)
        case warmedUp(WarmupOutcome)
        /// A look at the tree that `lookAtTree` asked for.
        case treeSeen(alive: Int, ownsListener: Bool)
        case timer
        case stopRequested
        /// Its probes may be well, and yet it serves much worse than its siblings.
        case restartRequested(String)
    }

    enum Action: Hashable, Sendable {
        /// Take ports and start the server. Answered by `spawned` or `spawnFailed`.
        case spawn
        /// Answered by `probed`, within the probe's own time-out.
        case probe(Probing)
        /// Answered by `warmedUp`, within the warm-up's own time-out.
        case warmUp
        /// Answered by `treeSeen`.
        case lookAtTree
        /// SIGTERM to the whole tree. Probes and warm-up under way are dropped, unanswered.
        case terminateTree
        case killTree
        /// Give the ports back, drop what is under way.
        case forgetServer
        case leave(exitCode: Int32)
    }
}
