/// Time limits of one instance.
enum KeeperLimits {
    /// A server that is not ready within this time is restarted, unless it has a start-up probe with limits of its own.
    static let startUp = Duration.seconds(600)
    static let firstRestartDelay = Duration.milliseconds(100)
    static let longestRestartDelay = Duration.seconds(30)
    /// After being ready for this long, the failure count starts again from zero.
    static let provenAfter = Duration.seconds(60)
    /// Consecutive failures that count as a crash loop.
    static let crashLoop = 3
    /// If the first process exits, its remaining processes have this long to listen on the port.
    static let forkGrace = Duration.seconds(10)
    static let treeLookInterval = Duration.milliseconds(200)
    static let endingLookInterval = Duration.milliseconds(20)
    static let killInterval = Duration.milliseconds(100)
    /// If SIGKILL has no effect for this long, a process is stuck in the kernel. The keeper reports this and exits.
    static let killPatience = Duration.seconds(10)
    static let warmUpRetryDelay = Duration.seconds(1)

    /// How often to probe a server that was never ready. Often at first, because many servers are ready at once. Then less and
    /// less often, so that a large model that loads for minutes is not flooded with probes.
    static func firstProbeInterval(sinceStart: Duration, period: Duration) -> Duration {
        if sinceStart < .seconds(5) { return .milliseconds(50) }
        if sinceStart < .seconds(60) { return min(.milliseconds(250), max(period, .milliseconds(50))) }
        return min(period, .seconds(1))
    }

    static func restartDelay(failures: Int) -> Duration {
        let doublings = min(max(failures - 1, 0), 16)
        return min(firstRestartDelay * (1 << doublings), longestRestartDelay)
    }
}
