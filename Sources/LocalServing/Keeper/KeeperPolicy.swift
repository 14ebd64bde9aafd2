import ModelManifests

/// The manifest's settings for one instance's probes and times, with defaults filled in.
struct KeeperPolicy: Hashable, Codable, Sendable {
    var startup: ProbePolicy?
    var readiness: ProbePolicy
    var liveness: ProbePolicy?
    var hasWarmup: Bool
    var grace: Duration
    /// The time from the start of the process until it is first ready.
    var startLimit: Duration

    init(
        startup: ProbePolicy? = nil, readiness: ProbePolicy = ProbePolicy(), liveness: ProbePolicy? = nil,
        hasWarmup: Bool = false, grace: Duration = .seconds(30), startLimit: Duration = KeeperLimits.startUp
    ) {
        self.startup = startup
        self.readiness = readiness
        self.liveness = liveness
        self.hasWarmup = hasWarmup
        self.grace = grace
        self.startLimit = startLimit
    }

    init(_ runtime: Runtime) {
        let startup = runtime.probes.startup
        self.init(
            startup: startup.map(ProbePolicy.init), readiness: ProbePolicy(runtime.readinessProbe),
            liveness: runtime.probes.liveness.map(ProbePolicy.init), hasWarmup: runtime.warmup != nil,
            grace: runtime.terminationGracePeriod,
            startLimit: startup.map { $0.initialDelay + $0.period * max($0.failureThreshold, 1) }
                ?? KeeperLimits.startUp)
    }
}

extension Runtime {
    /// Without a readiness probe, a server is ready when it accepts connections on `PORT`.
    var readinessProbe: Probe { probes.readiness ?? Probe(check: .tcpSocket(port: nil)) }

    func probe(_ probing: KeeperMachine.Probing) -> Probe? {
        switch probing {
        case .startup: probes.startup
        case .readiness: readinessProbe
        case .liveness: probes.liveness
        }
    }
}

/// The times and thresholds of one probe.
struct ProbePolicy: Hashable, Codable, Sendable {
    /// The defaults of Kubernetes. While a server starts it is probed more often: `KeeperLimits.firstProbeInterval`.
    var period = Duration.seconds(10)
    var initialDelay = Duration.zero
    var failureThreshold = 3
    var successThreshold = 1

    init() {}

    init(_ probe: Probe) {
        period = max(probe.period, .milliseconds(10))
        initialDelay = probe.initialDelay
        failureThreshold = max(probe.failureThreshold, 1)
        successThreshold = max(probe.successThreshold, 1)
    }
}

enum ProbeOutcome: Hashable, Codable, Sendable {
    case success
    case failure(String)
    /// The server did not answer the probe, but it answers requests: it is overloaded, not dead.
    case busy(String)
    /// Another process listens on the instance's port, so the instance can never answer there.
    case foreignListener(String)

    var spoken: String {
        switch self {
        case .success: "answered"
        case .failure(let why), .busy(let why), .foreignListener(let why): why
        }
    }
}

enum WarmupOutcome: Hashable, Codable, Sendable {
    /// `notes`: which requests were refused (4xx), for the status. Nil if all were answered with success.
    case played(notes: String?)
    case failed(String)
}

/// When a probe is due next, and how many results in a row succeeded or failed.
struct ProbeClock: Hashable, Codable, Sendable {
    var nextAt: Duration?
    private(set) var failures = 0
    private(set) var successes = 0

    init(nextAt: Duration? = nil) { self.nextAt = nextAt }

    struct Judgement: Hashable {
        var hasSucceeded: Bool
        var hasFailed: Bool
    }

    mutating func note(_ outcome: ProbeOutcome, _ policy: ProbePolicy) -> Judgement {
        if outcome == .success {
            successes += 1
            failures = 0
        } else {
            failures += 1
            successes = 0
        }
        return Judgement(
            hasSucceeded: successes >= policy.successThreshold, hasFailed: failures >= policy.failureThreshold)
    }

    /// True only once. Until the result sets the next time, the probe is in progress.
    mutating func isDue(at now: Duration) -> Bool {
        guard let at = nextAt, now >= at else { return false }
        nextAt = nil
        return true
    }
}
