/// The bounds of one instance's life.
enum KeeperLimits {
    /// A server that is not ready by then is stopped and started again, unless its start-up probe says otherwise.
    static let startUp = Duration.seconds(600)
    static let firstRestartDelay = Duration.milliseconds(100)
    static let longestRestartDelay = Duration.seconds(30)
    /// Ready for so long, a server has proved itself: the next crash is its first.
    static let provenAfter = Duration.seconds(60)
    /// Failures in a row that make a crash loop.
    static let crashLoop = 3
    /// A parent that leaves has that long to leave a listener behind.
    static let forkGrace = Duration.seconds(10)
    static let treeLookInterval = Duration.milliseconds(200)
    static let endingLookInterval = Duration.milliseconds(20)
    static let killInterval = Duration.milliseconds(100)
    /// After so long SIGKILL has not helped: a process waits in the kernel, and the keeper says so and goes.
    static let killPatience = Duration.seconds(10)
    static let warmUpRetryDelay = Duration.seconds(1)

    /// How often a server is asked that has never been ready: eagerly at first, for many are there at once, and then
    /// more and more seldom, so that a large model that loads for minutes is not buried in probes.
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
