/// The stages of the keeper's state machine, its events and its actions.
extension KeeperMachine {
    enum Stage: Hashable, Codable, Sendable {
        /// Can transition to: `starting`, `ready` (adopted), `blocked`, `backingOff` (a server that once was ready cannot start),
        /// `finished`.
        case new
        /// The process runs and was never ready. Can transition to: `warmingUp`, `ready`, `ending`, `backingOff`.
        case starting
        /// The probe succeeded and warm-up requests are in progress. Can transition to: `ready`, `starting`, `ending`,
        /// `backingOff`.
        case warmingUp
        /// Can transition to: `unready`, `ending`, `backingOff`.
        case ready(since: Duration)
        /// It was ready, and its readiness probe fails. Can transition to: `ready`, `ending`, `backingOff`.
        case unready
        /// SIGTERM was sent. Can transition to: `backingOff`, `finished`.
        case ending(Ending)
        /// Nothing runs. Can transition to: `new`, `finished`.
        case backingOff(until: Duration)
        /// Nothing runs, because this machine lacks something. It is not the server's fault. Can transition to: `new`,
        /// `finished`.
        case blocked(until: Duration)
        /// The keeper exits.
        case finished(Outcome)
    }

    struct Server: Hashable, Codable, Sendable {
        var identity: ProcessIdentity
        var ports: [String: Int]
        var startedAt: Duration
        var isWarm = false
        /// The first process has exited while other processes of its tree still run.
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
        /// When the grace period ends and the tree is killed.
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
        /// This keeper adopts the running server of an earlier keeper, so no model is loaded again.
        case adopted(ProcessIdentity, ports: [String: Int], wasReady: Bool, isWarm: Bool)
        case spawned(ProcessIdentity, ports: [String: Int])
        /// `isTerminal`: the start can never succeed. Otherwise the machine is the cause, and a later start may succeed.
        case spawnFailed(String, isTerminal: Bool)
        /// The server's first process exited. `survivors` processes of its tree still run.
        case exited(ExitStatus, survivors: Int, lastLine: String?)
        case probed(Probing, ProbeOutcome)
        case warmedUp(WarmupOutcome)
        /// The result of `lookAtTree`.
        case treeSeen(alive: Int, ownsListener: Bool)
        case timer
        case stopRequested
        /// The server serves much worse than its siblings, even if its probes succeed.
        case restartRequested(String)
    }

    enum Action: Hashable, Sendable {
        /// Claim ports and start the server. The result is `spawned` or `spawnFailed`.
        case spawn
        /// The result is `probed`, within the probe's time-out.
        case probe(Probing)
        /// The result is `warmedUp`, within the warm-up's time-out.
        case warmUp
        /// The result is `treeSeen`.
        case lookAtTree
        /// Send SIGTERM to the whole tree. Probes and warm-up requests in progress are dropped without a result.
        case terminateTree
        case killTree
        /// Release the ports, and drop probes and warm-up requests in progress.
        case forgetServer
        case leave(exitCode: Int32)
    }
}
